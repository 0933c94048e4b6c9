//! A headless Chromium, driven through its own protocol.
//!
//! Commands and events are JSON, each ended by a zero byte, on two pipes that
//! the browser reads as descriptor 3 and writes as 4
//! (<https://chromedevtools.github.io/devtools-protocol/>).

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use knas_tests::missing;
use serde_json::{Value, json};
use tempfile::TempDir;

/// Longer than anything takes that works.
const PATIENCE: Duration = Duration::from_secs(60);

/// Names under which systems install it.
const NAMES: [&str; 4] = ["chromium", "chromium-browser", "google-chrome", "chrome"];

/// Nothing but what the page asks for leaves the machine.
const FLAGS: [&str; 14] = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--no-first-run",
    "--no-default-browser-check",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-extensions",
    "--disable-sync",
    "--hide-scrollbars",
    "--remote-debugging-pipe",
    "about:blank",
];

/// A window onto the page.
#[derive(Clone, Copy, Debug)]
pub struct View {
    pub width: u32,
    pub height: u32,
    pub dark: bool,
    pub phone: bool,
}

pub const DESKTOP: View = View {
    width: 1280,
    height: 900,
    dark: false,
    phone: false,
};

pub const PHONE: View = View {
    width: 390,
    height: 844,
    dark: false,
    phone: true,
};

/// One tab.
pub struct Browser {
    process: Child,
    commands: ChildStdin,
    messages: Receiver<Value>,
    session: Value,
    last: u64,
    /// Everything that the browser told without being asked.
    events: Vec<Value>,
    _profile: TempDir,
}

impl Browser {
    /// None, with a note, where there is no browser.
    pub fn start() -> Option<Self> {
        let Some(program) = NAMES.into_iter().find(|name| is_there(name)) else {
            missing("chromium", "the report is opened in it");
            return None;
        };
        let profile = knas_tests::scratch();
        // The shell makes the pipes the descriptors that the browser expects.
        let mut process = Command::new("sh")
            .args([
                "-c",
                "exec \"$@\" 3<&0 4>&1 </dev/null >/dev/null",
                "sh",
                program,
            ])
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .args(FLAGS)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("the browser starts");
        let commands = process.stdin.take().expect("a pipe");
        let mut answers = BufReader::new(process.stdout.take().expect("a pipe"));
        let (sender, messages) = channel();
        thread::spawn(move || {
            let mut message = Vec::new();
            while answers
                .read_until(0, &mut message)
                .is_ok_and(|read| read > 0)
            {
                message.pop();
                let value = serde_json::from_slice(&message).expect("the browser writes JSON");
                if sender.send(value).is_err() {
                    return;
                }
                message.clear();
            }
        });
        let mut browser = Self {
            process,
            commands,
            messages,
            session: Value::Null,
            last: 0,
            events: Vec::new(),
            _profile: profile,
        };
        let target = browser.call("Target.createTarget", json!({ "url": "about:blank" }));
        let target = json!({ "targetId": target["targetId"], "flatten": true });
        browser.session = browser.call("Target.attachToTarget", target)["sessionId"].clone();
        for domain in ["Page", "Runtime", "Log", "Network"] {
            browser.call(&format!("{domain}.enable"), json!({}));
        }
        Some(browser)
    }

    /// One command and its answer.
    pub fn call(&mut self, method: &str, params: Value) -> Value {
        self.last += 1;
        let mut command = json!({ "id": self.last, "method": method, "params": params });
        if !self.session.is_null() {
            command["sessionId"] = self.session.clone();
        }
        let mut bytes = command.to_string().into_bytes();
        bytes.push(0);
        self.commands
            .write_all(&bytes)
            .expect("the browser listens");
        loop {
            let message = self.messages.recv_timeout(PATIENCE);
            let mut message = message.unwrap_or_else(|error| panic!("{method}: {error}"));
            if message["id"] == self.last {
                assert!(message["error"].is_null(), "{method}: {}", message["error"]);
                return message["result"].take();
            }
            self.events.push(message);
        }
    }

    /// Opens a file, and waits until its script has drawn.
    pub fn open(&mut self, file: &Path, view: View) {
        self.load(file, view);
        self.settle();
    }

    /// Opens a file.
    pub fn load(&mut self, file: &Path, view: View) {
        let scheme = if view.dark { "dark" } else { "light" };
        let feature = json!({ "name": "prefers-color-scheme", "value": scheme });
        self.call(
            "Emulation.setEmulatedMedia",
            json!({ "features": [feature] }),
        );
        let size = json!({ "width": view.width, "height": view.height, "mobile": view.phone,
            "deviceScaleFactor": if view.phone { 2 } else { 1 } });
        self.call("Emulation.setDeviceMetricsOverride", size);
        self.events.clear();
        let url = format!("file://{}", file.display());
        let answer = self.call("Page.navigate", json!({ "url": url }));
        assert!(answer["errorText"].is_null(), "{url}: {answer}");
        let start = Instant::now();
        while !self
            .events
            .iter()
            .any(|event| event["method"] == "Page.loadEventFired")
        {
            assert!(start.elapsed() < PATIENCE, "{url} does not load");
            self.eval("1");
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// Waits until what has changed is painted.
    pub fn settle(&mut self) {
        self.eval("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => done(1))))");
    }

    /// The value of an expression, once it is there.
    pub fn eval(&mut self, expression: &str) -> Value {
        let params =
            json!({ "expression": expression, "returnByValue": true, "awaitPromise": true });
        let mut answer = self.call("Runtime.evaluate", params);
        let failed = &answer["exceptionDetails"];
        assert!(failed.is_null(), "{expression}: {failed}");
        answer["result"]["value"].take()
    }

    /// The text of an element, as people read it.
    pub fn text(&mut self, selector: &str) -> String {
        let value = self.eval(&format!(
            "document.querySelector({}).innerText",
            json!(selector)
        ));
        value.as_str().expect("text").to_owned()
    }

    /// Left and top of an element in the window, after scrolling to it.
    pub fn scroll_to(&mut self, selector: &str) -> (f64, f64) {
        let place = self.eval(&format!(
            "(() => {{ const found = document.querySelector({}); \
             found.scrollIntoView({{ block: 'center', behavior: 'instant' }}); \
             const box = found.getBoundingClientRect(); return [box.left, box.top]; }})()",
            json!(selector)
        ));
        let at = |axis: usize| place[axis].as_f64().expect("a number");
        (at(0), at(1))
    }

    /// The mouse: `Moved`, `Pressed` or `Released`.
    pub fn mouse(&mut self, what: &str, (x, y): (f64, f64)) {
        let mut params = json!({ "type": format!("mouse{what}"), "x": x, "y": y });
        if what != "Moved" {
            (params["button"], params["clickCount"]) = (json!("left"), json!(1));
        }
        self.call("Input.dispatchMouseEvent", params);
    }

    /// Presses and releases the mouse on an element.
    pub fn click(&mut self, selector: &str) {
        let (x, y) = self.scroll_to(selector);
        for what in ["Moved", "Pressed", "Released"] {
            self.mouse(what, (x + 4.0, y + 4.0));
        }
    }

    /// A key by its name, such as `ArrowRight` or `Enter`.
    pub fn key(&mut self, name: &str) {
        let mut params = json!({ "type": "keyDown", "key": name, "code": name });
        if name == "Enter" {
            (params["text"], params["windowsVirtualKeyCode"]) = (json!("\r"), json!(13));
        }
        self.call("Input.dispatchKeyEvent", params);
        self.call(
            "Input.dispatchKeyEvent",
            json!({ "type": "keyUp", "key": name, "code": name }),
        );
    }

    /// From here on what the page saves goes into a folder.
    pub fn save_into(&mut self, folder: &Path) {
        let params = json!({ "behavior": "allow", "downloadPath": folder.display().to_string() });
        self.call("Page.setDownloadBehavior", params);
    }

    /// What the console has to say since the page was opened.
    pub fn complaints(&mut self) -> Vec<&Value> {
        self.eval("1"); // whatever is under way has been told by then
        let tells = [
            "Runtime.exceptionThrown",
            "Runtime.consoleAPICalled",
            "Log.entryAdded",
        ];
        let told = |event: &&Value| tells.iter().any(|tell| event["method"] == *tell);
        self.events
            .iter()
            .filter(told)
            .map(|event| &event["params"])
            .collect()
    }

    /// What the page asked for since it was opened.
    pub fn requests(&mut self) -> Vec<String> {
        self.eval("1");
        let asked = |event: &&Value| event["method"] == "Network.requestWillBeSent";
        let url = |event: &Value| {
            event["params"]["request"]["url"]
                .as_str()
                .unwrap_or("?")
                .to_owned()
        };
        self.events.iter().filter(asked).map(url).collect()
    }

    /// The whole page as a PNG file.
    pub fn screenshot(&mut self, file: &Path) {
        let size = self.call("Page.getLayoutMetrics", json!({}))["cssContentSize"].take();
        let clip =
            json!({ "x": 0, "y": 0, "width": size["width"], "height": size["height"], "scale": 1 });
        let params = json!({ "format": "png", "captureBeyondViewport": true, "clip": clip });
        let picture = self.call("Page.captureScreenshot", params);
        let bytes = STANDARD.decode(picture["data"].as_str().expect("a picture"));
        std::fs::write(file, bytes.expect("base64")).expect("the picture can be written");
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // It has nothing to save, and its profile goes with it.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn is_there(program: &str) -> bool {
    let version = Command::new(program)
        .arg("--version")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    version.is_ok_and(|status| status.success())
}
