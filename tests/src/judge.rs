//! Whether a generated program shows a defect. A panic of the compiler is one; it is caught and worded here.

use crate::engines::{ENGINES, EXACT, Outcome, Subject, agreed};
use crate::gradient_answers::Answers;
use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Once;

/// What is wrong; the first line says of which kind it is, and stays the same while a program is cut down.
pub type Problem = String;

/// The engines differ, or the program does not compile.
pub fn disagreement(text: &str) -> Option<Problem> {
    caught(|| match agreed(&Subject::new("fuzz.dp", text), EXACT)? {
        outcome if outcome.status == 1 => Err(does_not_compile(&outcome)),
        _ => Ok(()),
    })
}

/// Derivatives that do not fit together, of a program of [`crate::generate::gradient_program`].
pub fn wrong_derivative(text: &str, second: bool) -> Option<Problem> {
    let subject = Subject::new("fuzz.dp", text);
    let answers = |engines| -> Result<Answers, Problem> {
        let outcome = agreed(&subject, engines)?;
        match outcome.status {
            0 => Answers::read(&outcome.out, second),
            1 => Err(does_not_compile(&outcome)),
            _ => Err(format!("it traps\n{outcome}")),
        }
    };
    caught(|| {
        let made = answers(EXACT)?;
        made.consistent()?;
        made.same_as(&answers(&ENGINES[..1])?)
    })
}

fn does_not_compile(outcome: &Outcome) -> Problem {
    let code = outcome.err.lines().find(|line| line.starts_with("error")).unwrap_or_default();
    format!("it does not compile: {}\n{}", code.split(':').next().unwrap_or_default(), outcome.err)
}

thread_local! {
    static PANIC: RefCell<String> = const { RefCell::new(String::new()) };
}

fn caught(judge: impl FnOnce() -> Result<(), Problem>) -> Option<Problem> {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        std::panic::set_hook(Box::new(|info| {
            // A panic that cannot unwind ends the process: then this is all that will be seen of it.
            if !info.payload().is::<&str>() && !info.payload().is::<String>() {
                eprintln!("{info}");
            }
            PANIC.set(info.to_string());
        }));
    });
    match catch_unwind(AssertUnwindSafe(judge)) {
        Ok(result) => result.err(),
        Err(_) => Some(format!("panic: {}", PANIC.take())),
    }
}
