//! Times to live as commands take them: relative or absolute, seconds or milliseconds.

use super::{Args, CommandError};

/// How a number in a command stands for a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimeForm {
    /// Seconds from now (EX).
    Seconds,
    /// Milliseconds from now (PX).
    Millis,
    /// Unix seconds (EXAT).
    UnixSeconds,
    /// Unix milliseconds (PXAT).
    UnixMillis,
}

impl TimeForm {
    /// The form that this option of SET and GETEX says.
    pub fn of_option(args: &Args<'_>, index: usize) -> Option<TimeForm> {
        let forms = [
            ("ex", TimeForm::Seconds),
            ("px", TimeForm::Millis),
            ("exat", TimeForm::UnixSeconds),
            ("pxat", TimeForm::UnixMillis),
        ];
        forms.into_iter().find_map(|(option, form)| args.is(index, option).then_some(form))
    }

    /// The moment of a number, Unix milliseconds, which may lie in the past, and even before all time.
    pub fn moment(self, number: i64, now_ms: u64, command: &'static str) -> Result<i64, CommandError> {
        let invalid = CommandError::InvalidExpire(command);
        let millis = match self {
            TimeForm::Seconds | TimeForm::UnixSeconds => number.checked_mul(1_000).ok_or(invalid.clone())?,
            TimeForm::Millis | TimeForm::UnixMillis => number,
        };
        match self {
            TimeForm::Seconds | TimeForm::Millis => {
                millis.checked_add(i64::try_from(now_ms).unwrap_or(i64::MAX)).ok_or(invalid)
            }
            TimeForm::UnixSeconds | TimeForm::UnixMillis => Ok(millis),
        }
    }

    /// The moment of the positive number at `index`: what SET and GETEX take.
    pub fn positive(
        self,
        args: &Args<'_>,
        index: usize,
        now_ms: u64,
        command: &'static str,
    ) -> Result<u64, CommandError> {
        let number = args.int(index)?;
        if number <= 0 {
            return Err(CommandError::InvalidExpire(command));
        }
        let moment = self.moment(number, now_ms, command)?;
        u64::try_from(moment).map_err(|_| CommandError::InvalidExpire(command))
    }
}
