//! The options of a patch, as a caller gives them: one change of a sandbox's root before anybody uses it.
//!
//! Only their form is judged here, and whether they fit together; files of the host are looked for when the sandbox is
//! created, and the guest's when it starts.

use serde_json::Value;

use crate::options::check::{self, Verdict, each, within};
use crate::options::{OptionType, Options, choice, options, schema_within};
use crate::sandbox::mount::path;

/// The most patches of one sandbox.
const MAX_PATCHES: usize = 1024;
/// Most bytes of text and data of all patches together: they are stored with the sandbox.
const MAX_BYTES: usize = 16 * 1024 * 1024;

choice! {
    /// What a patch does.
    PatchOp {
        /// A file with a text.
        Text = "text",
        /// A file with bytes.
        File = "file",
        /// A directory.
        Mkdir = "mkdir",
        /// A text at the end of a file.
        Append = "append",
        /// A file of the host.
        CopyFile = "copy_file",
        /// A directory of the host with all that is in it.
        CopyDir = "copy_dir",
        /// A symbolic link.
        Symlink = "symlink",
        /// Nothing where something is.
        Remove = "remove",
    }
}

options! {
    /// One change of a sandbox's root before anybody uses it.
    PatchOptions for "msb_patch_config" {
        /// What it does: `"text"` makes a file with text, `"file"` one with data; `"mkdir"` makes a directory, which may be there
        /// already; `"append"` adds text to a file, which must be there; `"copy_file"` and `"copy_dir"` copy source of the host, a
        /// directory with all that is in it; `"symlink"` makes a link to target; `"remove"` removes what is there, if anything is.
        /// Directories above that are missing are made, with mode 0755. Required.
        op: Option<PatchOp> = None, "set_op", since "0.1.0", check check::any;
        /// What is changed: an absolute path in the guest without `..`, outside of `/proc`, `/sys` and `/dev`. Required.
        path: Option<String> = None, "set_path", since "0.1.0", check |v| each(v, guest_path);
        /// The text, for `"text"` and `"append"`.
        text: Option<String> = None, "set_text", since "0.1.0", check check::any;
        /// The bytes, for `"file"`.
        data: Option<Vec<u8>> = None, "set_data", since "0.1.0", check check::any;
        /// The file or directory of the host, for `"copy_file"` and `"copy_dir"`: there when the sandbox is created, and read at
        /// its first start. Links in a directory stay links, pipes, sockets and devices are left out, and modes and times are kept.
        source: Option<String> = None, "set_source", since "0.1.0", check |v| each(v, check::text);
        /// What a link holds, for `"symlink"`.
        target: Option<String> = None, "set_target", since "0.1.0", check |v| each(v, check::text);
        /// The mode, such as 0755; for all but `"symlink"`, `"remove"` and `"copy_dir"`. Unset: 0644 for a new file, 0755 for a new
        /// directory, and that of source for a copied file; what is there already keeps its own.
        mode: Option<u32> = None, "set_mode", since "0.1.0", check |v| each(v, within(0..=0o7777));
        /// The user by number that it is given to, a copied directory with all that is in it. Unset: root for what is new.
        uid: Option<u32> = None, "set_uid", since "0.1.0", check |v| each(v, within(0..=u32::MAX - 1));
        /// The group by number that it is given to. Unset: root's for what is new.
        gid: Option<u32> = None, "set_gid", since "0.1.0", check |v| each(v, within(0..=u32::MAX - 1));
        /// Whether it may take the place of what is there; otherwise that is an error. A directory is never replaced: a copied one is
        /// laid over it.
        replace: bool = false, "set_replace", since "0.1.0", check check::any;
    }
}

fn guest_path(path: &String) -> Verdict {
    let normal = path::normalise(path)?;
    if path::is_at_or_below(&normal, "/dev") {
        return Err(format!("is {path:?}, which is not in the root"));
    }
    Ok(())
}

impl PatchOptions {
    /// The path in the guest in its one spelling; empty if there is none that can be used.
    pub fn normal_path(&self) -> String {
        self.path
            .as_deref()
            .and_then(|path| path::normalise(path).ok())
            .unwrap_or_default()
    }

    /// Everything that is wrong with a patch by itself.
    pub fn check(&self) -> Verdict {
        let mut problems: Vec<String> = self
            .problems()
            .into_iter()
            .map(|problem| format!("`{}` {}", problem.key, problem.problem))
            .collect();
        if self.path.is_none() {
            problems.push("`path` is not set".to_owned());
        }
        match self.op {
            None => problems.push("`op` is not set".to_owned()),
            Some(op) => problems.extend(self.misplaced(op)),
        }
        if problems.is_empty() {
            return Ok(());
        }
        let at = self.path.as_deref().unwrap_or_default();
        Err(format!(
            "has a patch of {at:?} that cannot be applied: {}",
            problems.join(", ")
        ))
    }

    /// What the operation lacks, and what means nothing to it.
    fn misplaced(&self, op: PatchOp) -> impl Iterator<Item = String> {
        use PatchOp::{Append, CopyDir, CopyFile, File, Mkdir, Remove, Symlink, Text};
        let needed = [
            ("text", self.text.is_some(), matches!(op, Text | Append)),
            ("data", self.data.is_some(), op == File),
            ("source", self.source.is_some(), matches!(op, CopyFile | CopyDir)),
            ("target", self.target.is_some(), op == Symlink),
        ];
        let allowed = [
            (
                "mode",
                self.mode.is_some(),
                !matches!(op, Symlink | Remove | CopyDir),
            ),
            ("uid", self.uid.is_some(), op != Remove),
            ("gid", self.gid.is_some(), op != Remove),
            ("replace", self.replace, !matches!(op, Append | Mkdir | Remove)),
        ];
        let lacking = needed
            .into_iter()
            .filter(|&(_, is_set, is_needed)| is_needed && !is_set)
            .map(|(key, ..)| format!("`{key}` is not set"));
        let meaningless = needed
            .into_iter()
            .chain(allowed)
            .filter(|&(_, is_set, is_allowed)| is_set && !is_allowed)
            .map(move |(key, ..)| format!("`{key}` means nothing to {:?}", op.name()));
        lacking.chain(meaningless)
    }

    fn bytes(&self) -> usize {
        let text = self.text.as_ref().map_or(0, String::len);
        text.saturating_add(self.data.as_ref().map_or(0, Vec::len))
    }
}

/// Checks the patches of one sandbox: each by itself, and how much they are.
pub fn check_all(patches: &[PatchOptions]) -> Verdict {
    if patches.len() > MAX_PATCHES {
        return Err(format!("has more than {MAX_PATCHES} entries"));
    }
    patches.iter().try_for_each(PatchOptions::check)?;
    let bytes = patches
        .iter()
        .map(PatchOptions::bytes)
        .fold(0, usize::saturating_add);
    if bytes > MAX_BYTES {
        return Err(format!(
            "has {bytes} bytes of text and data, more than {MAX_BYTES}"
        ));
    }
    Ok(())
}

impl OptionType for PatchOptions {
    fn schema() -> Value {
        schema_within::<Self>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::options::from_json;

    fn verdict(json: &str) -> Verdict {
        from_json::<PatchOptions>(json).unwrap().check()
    }

    #[test]
    fn a_patch_has_what_its_operation_needs_and_nothing_else() {
        for good in [
            r#"{"op":"text","path":"/a","text":"x","mode":420,"uid":1,"gid":2,"replace":true}"#,
            r#"{"op":"file","path":"/a","data":[0,255]}"#,
            r#"{"op":"mkdir","path":"/a/b","mode":448}"#,
            r#"{"op":"append","path":"/a","text":"x"}"#,
            r#"{"op":"copy_file","path":"/a","source":"b","mode":448}"#,
            r#"{"op":"copy_dir","path":"/a","source":"b","uid":1}"#,
            r#"{"op":"symlink","path":"/a","target":"../b","replace":true}"#,
            r#"{"op":"remove","path":"/a"}"#,
        ] {
            assert_eq!(verdict(good), Ok(()), "{good}");
        }
        for (bad, why) in [
            (r#"{"path":"/a"}"#, "`op` is not set"),
            (r#"{"op":"mkdir"}"#, "`path` is not set"),
            (r#"{"op":"text","path":"/a"}"#, "`text` is not set"),
            (
                r#"{"op":"file","path":"/a","text":"x","data":[]}"#,
                "`text` means nothing",
            ),
            (r#"{"op":"copy_dir","path":"/a"}"#, "`source` is not set"),
            (
                r#"{"op":"symlink","path":"/a","target":"b","mode":1}"#,
                "`mode` means nothing",
            ),
            (
                r#"{"op":"remove","path":"/a","replace":true}"#,
                "`replace` means nothing",
            ),
        ] {
            let said = verdict(bad).unwrap_err();
            assert!(said.contains(why), "{bad}: {said}");
        }
    }

    #[test]
    fn a_patch_is_in_the_root_and_there_is_a_bound_to_all_of_them() {
        for path in ["a", "/", "/a/../b", "/proc/x", "/sys", "/dev/null"] {
            let json = format!(r#"{{"op":"remove","path":{path:?}}}"#);
            assert!(from_json::<PatchOptions>(&json).is_err(), "{path}");
        }
        let of = |bytes: usize| PatchOptions {
            op: Some(PatchOp::File),
            path: Some("/a".to_owned()),
            data: Some(vec![0; bytes]),
            ..PatchOptions::default()
        };
        assert_eq!(check_all(&[of(MAX_BYTES / 2), of(MAX_BYTES / 2)]), Ok(()));
        assert!(check_all(&[of(MAX_BYTES / 2), of(MAX_BYTES / 2 + 1)]).is_err());
        assert!(check_all(&vec![of(0); MAX_PATCHES + 1]).is_err());
    }
}
