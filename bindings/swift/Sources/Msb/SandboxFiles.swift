// The files in a running sandbox. The guest is asked and not trusted, so every call waits, and can be given a limit.
import CMsb

/// The files in a running sandbox. Paths are the guest's, from its root. A timeout of nil waits for ever.
public struct SandboxFiles: Sendable {
    let sandbox: Sandbox

    private var handle: msb_sandbox { sandbox.handle }

    /// Reads a whole file of at most 1 GiB; open larger ones. Wraps `msb_sandbox_fs_read_async`.
    public func read(_ path: String, timeout: Duration? = nil) async throws(MsbError) -> [UInt8] {
        let path = try text(path, "path")
        return try await performForBytes { queue, token, operation, error in
            msb_sandbox_fs_read_async(handle, path, milliseconds(timeout), queue, token, operation, error)
        }
    }

    /// Writes a whole file; if it is made, with these permissions. A failure may leave a part of it, unless the mode is
    /// `atomic`. Wraps `msb_sandbox_fs_write_async`.
    public func write(
        _ data: some Collection<UInt8> & Sendable, to path: String, mode: WriteMode = .replace,
        permissions: UInt32 = 0o644, timeout: Duration? = nil
    ) async throws(MsbError) {
        let path = try text(path, "path")
        try await perform { queue, token, operation, error in
            withBytes(of: data) { start, count in
                msb_sandbox_fs_write_async(
                    handle, path, start, count, mode.flags, permissions, milliseconds(timeout), queue, token,
                    operation, error)
            }
        }
    }

    /// Opens a file, to read and write parts of it. It is closed when the sandbox stops.
    /// Wraps `msb_sandbox_fs_open_async`.
    public func open(
        _ path: String, _ options: OpenOptions = .read, permissions: UInt32 = 0o644, timeout: Duration? = nil
    ) async throws(MsbError) -> File {
        let path = try text(path, "path")
        return File(
            taking: try await perform(msb_file(), { handle, out, error in msb_op_take_file(handle, out, error) }) {
                queue, token, operation, error in
                msb_sandbox_fs_open_async(
                    handle, path, options.rawValue, permissions, milliseconds(timeout), queue, token, operation, error)
            })
    }

    /// The entries of a directory; the timeout is for each page.
    public func entries(of path: String, timeout: Duration? = nil) -> DirectoryEntries {
        DirectoryEntries { cursor async throws(MsbError) in
            try await page(of: path, from: cursor, timeout: timeout)
        }
    }

    /// Some entries of a directory, at most 10000. Wraps `msb_sandbox_fs_list_async`.
    public func page(
        of path: String, from cursor: UInt64 = 0, limit: UInt32 = 1000, timeout: Duration? = nil
    ) async throws(MsbError) -> FilePage {
        let path = try text(path, "path")
        return try await perform(
            msb_file_page_free, FilePage.init, { handle, out, error in msb_op_take_file_page(handle, out, error) }
        ) { queue, token, operation, error in
            msb_sandbox_fs_list_async(
                handle, path, cursor, limit, milliseconds(timeout), queue, token, operation, error)
        }
    }

    /// What is known of a file, a directory or whatever the path is; with `followingLink`, of a symbolic link's target.
    /// Wraps `msb_sandbox_fs_stat_async`.
    public func info(
        of path: String, followingLink: Bool = false, timeout: Duration? = nil
    ) async throws(MsbError) -> FileInfo {
        let path = try text(path, "path")
        return try await perform(
            msb_file_info_free, FileInfo.init, { handle, out, error in msb_op_take_file_info(handle, out, error) }
        ) { queue, token, operation, error in
            msb_sandbox_fs_stat_async(
                handle, path, flag(MSB_STAT_FOLLOW, if: followingLink), milliseconds(timeout), queue, token, operation,
                error)
        }
    }

    /// Whether there is anything at a path. A symbolic link counts if what it leads to is there.
    /// Wraps `msb_sandbox_fs_exists_async`.
    public func exists(_ path: String, timeout: Duration? = nil) async throws(MsbError) -> Bool {
        let path = try text(path, "path")
        return try await perform(UInt8(0), { handle, out, error in msb_op_take_flag(handle, out, error) }) {
            queue, token, operation, error in
            msb_sandbox_fs_exists_async(handle, path, milliseconds(timeout), queue, token, operation, error)
        } != 0
    }

    /// Makes a directory; with `withParents`, missing parents too, and succeeds if it is there.
    /// Wraps `msb_sandbox_fs_mkdir_async`.
    public func makeDirectory(
        _ path: String, withParents: Bool = false, permissions: UInt32 = 0o755, timeout: Duration? = nil
    ) async throws(MsbError) {
        let path = try text(path, "path")
        try await perform { queue, token, operation, error in
            msb_sandbox_fs_mkdir_async(
                handle, path, permissions, flag(MSB_MKDIR_PARENTS, if: withParents), milliseconds(timeout), queue, token,
                operation, error)
        }
    }

    /// Removes a file, a symbolic link or anything else that is no directory. Wraps `msb_sandbox_fs_remove_async`.
    public func remove(_ path: String, timeout: Duration? = nil) async throws(MsbError) {
        let path = try text(path, "path")
        try await perform { queue, token, operation, error in
            msb_sandbox_fs_remove_async(handle, path, milliseconds(timeout), queue, token, operation, error)
        }
    }

    /// Removes a directory; with `recursively`, with everything in it. Wraps `msb_sandbox_fs_remove_dir_async`.
    public func removeDirectory(
        _ path: String, recursively: Bool = false, timeout: Duration? = nil
    ) async throws(MsbError) {
        let path = try text(path, "path")
        try await perform { queue, token, operation, error in
            msb_sandbox_fs_remove_dir_async(
                handle, path, flag(MSB_REMOVE_RECURSIVE, if: recursively), milliseconds(timeout), queue, token,
                operation, error)
        }
    }

    /// Copies a file, or a directory with everything in it, with permissions and times; links are copied as links.
    /// Nothing may be at the destination yet. Wraps `msb_sandbox_fs_copy_async`.
    public func copy(_ source: String, to destination: String, timeout: Duration? = nil) async throws(MsbError) {
        let source = try text(source, "source")
        let destination = try text(destination, "destination")
        try await perform { queue, token, operation, error in
            msb_sandbox_fs_copy_async(
                handle, source, destination, milliseconds(timeout), queue, token, operation, error)
        }
    }

    /// Renames a file or a directory, in one step. A file replaces what has the new name.
    /// Wraps `msb_sandbox_fs_rename_async`.
    public func rename(_ path: String, to newPath: String, timeout: Duration? = nil) async throws(MsbError) {
        let path = try text(path, "path")
        let newPath = try text(newPath, "newPath")
        try await perform { queue, token, operation, error in
            msb_sandbox_fs_rename_async(handle, path, newPath, milliseconds(timeout), queue, token, operation, error)
        }
    }

    /// Makes a symbolic link; its target is neither checked nor followed. Wraps `msb_sandbox_fs_symlink_async`.
    public func makeSymbolicLink(
        _ path: String, to target: String, timeout: Duration? = nil
    ) async throws(MsbError) {
        let path = try text(path, "path")
        let target = try text(target, "target")
        try await perform { queue, token, operation, error in
            msb_sandbox_fs_symlink_async(handle, target, path, milliseconds(timeout), queue, token, operation, error)
        }
    }

    /// What a symbolic link holds. Wraps `msb_sandbox_fs_readlink_async`.
    public func symbolicLinkTarget(_ path: String, timeout: Duration? = nil) async throws(MsbError) -> String {
        let path = try text(path, "path")
        let target = try await performForBytes { queue, token, operation, error in
            msb_sandbox_fs_readlink_async(handle, path, milliseconds(timeout), queue, token, operation, error)
        }
        return String(decoding: target, as: UTF8.self)
    }

    /// Sets the permissions of a file or a directory; of what a symbolic link leads to.
    /// Wraps `msb_sandbox_fs_chmod_async`.
    public func setPermissions(
        _ permissions: UInt32, of path: String, timeout: Duration? = nil
    ) async throws(MsbError) {
        let path = try text(path, "path")
        try await perform { queue, token, operation, error in
            msb_sandbox_fs_chmod_async(
                handle, path, permissions, milliseconds(timeout), queue, token, operation, error)
        }
    }

    /// Sets when a file was last read and last changed, since 1970 UTC; nil keeps a time. Of what a symbolic link leads
    /// to. Wraps `msb_sandbox_fs_utimes_async`.
    public func setTimes(
        of path: String, accessed: Duration?, modified: Duration?, timeout: Duration? = nil
    ) async throws(MsbError) {
        let path = try text(path, "path")
        try await perform { queue, token, operation, error in
            msb_sandbox_fs_utimes_async(
                handle, path, fileTime(accessed), fileTime(modified), milliseconds(timeout), queue, token, operation,
                error)
        }
    }

    /// Writes a file, or a directory with everything in it, as a tar archive to a descriptor, which stays the caller's.
    /// Wraps `msb_sandbox_fs_tar_export_async`.
    @discardableResult
    public func exportTar(
        _ path: String, to descriptor: Int32, timeout: Duration? = nil, progress: ProgressHandler? = nil
    ) async throws(MsbError) -> FileProgress {
        let path = try text(path, "path")
        return try await performWithProgress(progress) { queue, token, operation, error in
            msb_sandbox_fs_tar_export_async(
                handle, path, descriptor, milliseconds(timeout), queue, token, operation, error)
        }
    }

    /// Unpacks a tar archive from a descriptor beneath a directory, which is made if it is not there. The archive is not
    /// trusted. Wraps `msb_sandbox_fs_tar_import_async`.
    @discardableResult
    public func importTar(
        into path: String, from descriptor: Int32, timeout: Duration? = nil, progress: ProgressHandler? = nil
    ) async throws(MsbError) -> FileProgress {
        let path = try text(path, "path")
        return try await performWithProgress(progress) { queue, token, operation, error in
            msb_sandbox_fs_tar_import_async(
                handle, path, descriptor, milliseconds(timeout), queue, token, operation, error)
        }
    }
}
