//! Users and groups by the guest's own /etc/passwd and /etc/group.
//!
//! Both files belong to the guest: they may be missing, huge, malformed or not files at all. They are read
//! again only when they changed. Numeric ids work without either.

use rustix::fs::{Mode, OFlags, Stat};
use rustix::io::Errno;
use std::os::fd::OwnedFd;
use thiserror::Error;

/// Longest passwd or group file that is read, in bytes.
const MAX_FILE: usize = 1024 * 1024;

/// A user and groups that cannot be taken on.
#[derive(Debug, Error)]
pub enum UserError {
    /// No line of /etc/passwd has this name.
    #[error("no user `{0}` in the guest's /etc/passwd; add it, or give a numeric id")]
    NoUser(String),
    /// No line of /etc/group has this name.
    #[error("no group `{0}` in the guest's /etc/group; add it, or give a numeric id")]
    NoGroup(String),
    /// Neither names nor numbers in the form `user` or `user:group`.
    #[error("`{0}` is not of the form `user`, `uid`, `user:group` or `uid:gid`")]
    Malformed(String),
    /// A file is there but cannot be used.
    #[error("the guest's {path} cannot be read; make it a regular file of at most 1 MiB")]
    Unreadable {
        /// Which file.
        path: &'static str,
        /// Why.
        #[source]
        errno: Errno,
    },
}

impl UserError {
    /// errno of the failed call; 0 when none applies.
    pub fn errno(&self) -> i32 {
        match self {
            Self::Unreadable { errno, .. } => errno.raw_os_error(),
            _ => 0,
        }
    }
}

/// Who a command runs as.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// User id.
    pub uid: u32,
    /// Primary group id.
    pub gid: u32,
    /// Supplementary group ids, sorted.
    pub groups: Vec<u32>,
    /// Home directory.
    pub home: String,
}

/// The guest's users and groups.
#[derive(Debug)]
pub struct UserDatabase {
    passwd: CachedFile,
    group: CachedFile,
}

impl UserDatabase {
    /// Reads nothing yet.
    pub fn new() -> Self {
        Self {
            passwd: CachedFile::new("/etc/passwd"),
            group: CachedFile::new("/etc/group"),
        }
    }

    /// Finds `user`, `uid`, `user:group` or `uid:gid` as the files are now.
    pub fn resolve(&mut self, who: &str) -> Result<Identity, UserError> {
        identify(who, self.passwd.text()?, self.group.text()?)
    }
}

/// A uid without a line in passwd has group 0; a group that is named replaces all that the user would have.
fn identify(who: &str, passwd: &str, group_file: &str) -> Result<Identity, UserError> {
    let (user, group) = match who.split_once(':') {
        Some((user, group)) => (user, Some(group)),
        None => (who, None),
    };
    if user.is_empty() || group.is_some_and(|group| group.is_empty() || group.contains(':')) {
        return Err(UserError::Malformed(who.to_owned()));
    }
    let number = parse_id(user);
    let entry = entries(passwd, 7)
        .filter_map(|fields| PasswdEntry::parse(&fields))
        .find(|entry| entry.name == user || Some(entry.uid) == number);
    let entry = match (entry, number) {
        (Some(entry), _) => entry,
        (None, Some(uid)) => PasswdEntry {
            name: "",
            uid,
            gid: 0,
            home: "",
        },
        (None, None) => return Err(UserError::NoUser(user.to_owned())),
    };
    let home = match entry.home {
        "" if entry.uid == 0 => "/root",
        "" => "/",
        home => home,
    };
    let (gid, groups) = match group {
        Some(group) => (group_id(group, group_file)?, Vec::new()),
        None => (entry.gid, groups_of(entry.name, group_file)),
    };
    Ok(Identity {
        uid: entry.uid,
        gid,
        groups,
        home: home.to_owned(),
    })
}

fn group_id(group: &str, group_file: &str) -> Result<u32, UserError> {
    parse_id(group)
        .or_else(|| {
            entries(group_file, 3)
                .find(|fields| fields[0] == group)
                .and_then(|fields| parse_id(fields[2]))
        })
        .ok_or_else(|| UserError::NoGroup(group.to_owned()))
}

fn groups_of(name: &str, group_file: &str) -> Vec<u32> {
    let mut groups: Vec<u32> = entries(group_file, 4)
        .filter(|fields| !name.is_empty() && fields[3].split(',').any(|member| member == name))
        .filter_map(|fields| parse_id(fields[2]))
        .collect();
    groups.sort_unstable();
    groups.dedup();
    groups
}

/// An id; the largest number means "no change" to the kernel and is none.
fn parse_id(text: &str) -> Option<u32> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|&id| digits && id != u32::MAX)
}

/// The lines of a colon-separated file that have at least `count` fields.
fn entries(text: &str, count: usize) -> impl Iterator<Item = Vec<&str>> {
    text.lines()
        .map(|line| line.split(':').collect::<Vec<_>>())
        .filter(move |fields| fields.len() >= count)
}

struct PasswdEntry<'a> {
    name: &'a str,
    uid: u32,
    gid: u32,
    home: &'a str,
}

impl<'a> PasswdEntry<'a> {
    fn parse(fields: &[&'a str]) -> Option<Self> {
        Some(Self {
            name: fields[0],
            uid: parse_id(fields[2])?,
            gid: parse_id(fields[3])?,
            home: fields[5],
        })
    }
}

/// A small text file, read again when it changed.
#[derive(Debug)]
struct CachedFile {
    path: &'static str,
    stamp: Option<Stamp>,
    text: String,
}

/// Device, inode, size, and times of last change in seconds and nanoseconds.
type Stamp = (u64, u64, i64, [i64; 4]);

fn stamp_of(stat: &Stat) -> Stamp {
    let times = [
        stat.st_mtime,
        stat.st_mtime_nsec as i64,
        stat.st_ctime,
        stat.st_ctime_nsec as i64,
    ];
    (stat.st_dev, stat.st_ino, stat.st_size, times)
}

impl CachedFile {
    fn new(path: &'static str) -> Self {
        Self {
            path,
            stamp: None,
            text: String::new(),
        }
    }

    fn text(&mut self) -> Result<&str, UserError> {
        match self.refresh() {
            Ok(()) => Ok(&self.text),
            Err(errno) => {
                self.stamp = None;
                Err(UserError::Unreadable {
                    path: self.path,
                    errno,
                })
            }
        }
    }

    fn refresh(&mut self) -> rustix::io::Result<()> {
        match rustix::fs::stat(self.path) {
            Ok(stat) if self.stamp == Some(stamp_of(&stat)) => Ok(()),
            Ok(_) => {
                // O_NONBLOCK: a FIFO in the file's place must not hold the agent up.
                let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
                let file = rustix::fs::open(self.path, flags, Mode::empty())?;
                let stat = rustix::fs::fstat(&file)?;
                self.text = read_regular(&file, &stat)?;
                self.stamp = Some(stamp_of(&stat));
                Ok(())
            }
            Err(Errno::NOENT | Errno::NOTDIR) => {
                self.text.clear();
                self.stamp = None;
                Ok(())
            }
            Err(errno) => Err(errno),
        }
    }
}

/// Reads a whole regular file of at most [`MAX_FILE`] bytes; bytes that are no UTF-8 are replaced.
pub fn read_regular(file: &OwnedFd, stat: &Stat) -> rustix::io::Result<String> {
    if !rustix::fs::FileType::from_raw_mode(stat.st_mode).is_file() {
        return Err(Errno::INVAL);
    }
    if stat.st_size > MAX_FILE as i64 {
        return Err(Errno::FBIG);
    }
    let mut bytes = vec![0; MAX_FILE.min(stat.st_size as usize + 1)];
    let mut filled = 0;
    loop {
        let count = rustix::io::read(file, &mut bytes[filled..])?;
        filled += count;
        if count == 0 || filled == bytes.len() {
            break;
        }
    }
    Ok(String::from_utf8_lossy(&bytes[..filled]).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const PASSWD: &str = "root:x:0:0::/root:/bin/sh\nbroken\nweb:x:33:34::/srv/web:/bin/sh\n";
    const GROUP: &str = "root:x:0:\nwww:x:34:\nlogs:x:50:adm,web\ncam:x:40:web\n";

    #[test]
    fn names_bring_their_groups_and_home() {
        let expected = Identity {
            uid: 33,
            gid: 34,
            groups: vec![40, 50],
            home: "/srv/web".to_owned(),
        };
        assert_eq!(identify("web", PASSWD, GROUP).unwrap(), expected);
        assert_eq!(identify("33", PASSWD, GROUP).unwrap(), expected);
        let narrowed = identify("web:logs", PASSWD, GROUP).unwrap();
        assert_eq!((narrowed.gid, narrowed.groups.len()), (50, 0));
        assert!(matches!(
            identify("web:none", PASSWD, GROUP),
            Err(UserError::NoGroup(_))
        ));
        assert!(matches!(
            identify("broken", PASSWD, GROUP),
            Err(UserError::NoUser(_))
        ));
    }

    #[test]
    fn numeric_ids_need_no_files() {
        let identity = identify("1234:77", "", "").unwrap();
        assert_eq!(
            (identity.uid, identity.gid, identity.home.as_str()),
            (1234, 77, "/")
        );
        assert_eq!(identify("0", "", "").unwrap().home, "/root");
        assert!(matches!(identify("nobody", "", ""), Err(UserError::NoUser(_))));
        assert!(matches!(identify("1:", "", ""), Err(UserError::Malformed(_))));
        assert!(matches!(
            identify("4294967295", "", ""),
            Err(UserError::NoUser(_))
        ));
    }
}
