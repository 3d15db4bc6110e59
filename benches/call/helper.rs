//! Processes of this executable that are asked line by line.

use std::{
    env,
    io::{BufRead, BufReader, Write},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};

/// Whether to show only that it works. `cargo bench` says `--bench`, `cargo test` does not.
pub(crate) fn is_quick() -> bool {
    let arguments = arguments();
    let has = |name: &str| arguments.iter().any(|argument| argument == name);
    has("--test") || !has("--bench")
}

pub(crate) fn arguments() -> Vec<String> {
    env::args().skip(1).collect()
}

/// A process of this executable. It ends when its input does.
pub(crate) struct Helper {
    child: Child,
    questions: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

impl Helper {
    pub(crate) fn start(arguments: &[&str]) -> Self {
        let size = if is_quick() { "--test" } else { "--bench" };
        let mut child = Command::new(env::current_exe().expect("this executable"))
            .args(arguments)
            .arg(size)
            .env_remove("OTEL_SDK_DISABLED")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("a second process");
        let answers = BufReader::new(child.stdout.take().expect("its output"));
        Self { questions: child.stdin.take(), child, answers }
    }

    pub(crate) fn line(&mut self) -> String {
        let mut line = String::new();
        self.answers.read_line(&mut line).expect("a line of a helper");
        assert!(line.ends_with('\n'), "a helper has ended before its answer");
        line.trim_end().to_owned()
    }

    /// The lines that answer `question`, up to an empty one.
    pub(crate) fn ask(&mut self, question: &str) -> Vec<String> {
        let questions = self.questions.as_mut().expect("the input of a helper");
        writeln!(questions, "{question}").expect("a helper that listens");
        std::iter::repeat_with(|| self.line()).take_while(|line| !line.is_empty()).collect()
    }
}

impl Drop for Helper {
    fn drop(&mut self) {
        self.questions = None;
        let _ = self.child.wait();
    }
}
