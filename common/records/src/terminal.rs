//! What a descriptor leads to: a terminal and its width, or a pipe.

/// Columns of the terminal behind this descriptor; none where there is no
/// terminal.
#[cfg(unix)]
pub(crate) fn width(of: impl std::os::fd::AsFd) -> Option<usize> {
    let size = rustix::termios::tcgetwinsize(of).ok()?;
    // A serial line does not know its own.
    Some(if size.ws_col == 0 {
        80
    } else {
        size.ws_col.into()
    })
}

/// Columns of the terminal, which nobody tells here.
#[cfg(not(unix))]
pub(crate) fn width<T>(_: T) -> Option<usize> {
    None
}

/// Whether another program reads from the other end.
#[cfg(unix)]
pub(crate) fn is_pipe(of: impl std::os::fd::AsFd) -> bool {
    use rustix::fs::FileType;
    let kind = rustix::fs::fstat(of).map(|stat| FileType::from_raw_mode(stat.st_mode));
    matches!(kind, Ok(FileType::Fifo | FileType::Socket))
}

/// Whether another program has written what nobody has read yet.
#[cfg(unix)]
pub(crate) fn is_waited_for(of: impl std::os::fd::AsFd) -> bool {
    is_pipe(&of) && rustix::io::ioctl_fionread(of).is_ok_and(|bytes| bytes > 0)
}

/// Whether another program has written what nobody has read yet, which nobody
/// tells here.
#[cfg(not(unix))]
pub(crate) fn is_waited_for<T>(_: T) -> bool {
    false
}

/// Whether another program reads from the other end, which nobody tells here.
#[cfg(not(unix))]
pub(crate) fn is_pipe<T>(_: T) -> bool {
    true
}
