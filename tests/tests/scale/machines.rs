//! Machines to be reached by ssh, each with a key, a port and a home folder of
//! its own; they are on this one, and reached from nowhere else.

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::thread;
use std::time::{Duration, Instant};

use knas_tests::program;

use crate::{has, lose};

const SSHD: &str = "/usr/sbin/sshd";

pub fn can_be_made() -> bool {
    program("sshd").is_some() && has("ssh")
}

/// A machine; it is lost when the value goes.
pub struct Machine {
    sshd: Child,
    /// How GNU parallel names it.
    pub login: String,
    pub home: PathBuf,
}

impl Machine {
    /// One whose search path is `path`. What it needs is in `folder`.
    pub fn new(folder: &Path, path: &str) -> Self {
        if is_root() {
            fs::create_dir_all("/run/sshd").unwrap(); // sshd asks for it
        }
        let home = folder.join("home");
        fs::create_dir_all(&home).unwrap();
        for key in ["host", "user"] {
            let mut make = Command::new("ssh-keygen");
            make.args(["-q", "-t", "ed25519", "-N", "", "-f"]);
            assert!(make.arg(folder.join(key)).status().unwrap().success());
        }
        // Nobody else is given it between here and there, as a rule.
        let free = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = free.local_addr().unwrap().port();
        drop(free);
        let here = folder.display();
        let server = format!(
            "Port {port}\nListenAddress 127.0.0.1\nHostKey {here}/host\nPidFile none\n\
             AuthorizedKeysFile {here}/user.pub\nStrictModes no\nUsePAM no\n\
             PasswordAuthentication no\nKbdInteractiveAuthentication no\n\
             SetEnv HOME={here}/home PATH={path}\n"
        );
        fs::write(folder.join("sshd.conf"), server).unwrap();
        let client = format!(
            "Host *\nHostName 127.0.0.1\nPort {port}\nIdentityFile {here}/user\n\
             IdentitiesOnly yes\nUserKnownHostsFile /dev/null\nStrictHostKeyChecking no\n\
             LogLevel ERROR\n"
        );
        fs::write(folder.join("ssh.conf"), client).unwrap();
        let mut sshd = Command::new(SSHD);
        sshd.args(["-D", "-f"]).arg(folder.join("sshd.conf"));
        let sshd = sshd.arg("-E").arg(folder.join("log")).spawn().unwrap();
        let machine = Self {
            sshd,
            login: format!("ssh -F {here}/ssh.conf machine"),
            home,
        };
        let begin = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            let log = fs::read_to_string(folder.join("log")).unwrap_or_default();
            assert!(begin.elapsed() < Duration::from_secs(20), "{log}");
            thread::sleep(Duration::from_millis(20));
        }
        machine
    }

    /// What happens when somebody pulls the plug.
    pub fn lose(&mut self) {
        lose(self.sshd.id());
        self.sshd.wait().unwrap();
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        self.lose();
    }
}

pub fn is_root() -> bool {
    let id = Command::new("id").arg("-u").output().unwrap();
    id.stdout == b"0\n"
}
