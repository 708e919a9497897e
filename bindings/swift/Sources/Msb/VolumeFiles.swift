// The files in a volume that is a directory. What can take long is async; the rest is a file operation of this host.
import CMsb

/// The files in a volume that is a directory. Paths are beneath its root, and nothing leads out of it.
public struct VolumeFiles: Sendable {
    let volume: Volume

    private var handle: msb_volume { volume.handle }

    /// Reads a whole file of at most 1 GiB; open larger ones. Wraps `msb_volume_fs_read_async`.
    public func read(_ path: String) async throws(MsbError) -> [UInt8] {
        let path = try text(path, "path")
        return try await performForBytes { queue, token, operation, error in
            msb_volume_fs_read_async(handle, path, queue, token, operation, error)
        }
    }

    /// Writes a whole file; if it is made, with these permissions less the process's umask. A failure may leave a part of
    /// it, unless the mode is `atomic`. Wraps `msb_volume_fs_write_async`.
    public func write(
        _ data: some Collection<UInt8> & Sendable, to path: String, mode: WriteMode = .replace, permissions: UInt32 = 0o644
    ) async throws(MsbError) {
        let path = try text(path, "path")
        try await perform { queue, token, operation, error in
            withBytes(of: data) { start, count in
                msb_volume_fs_write_async(
                    handle, path, start, count, mode.flags, permissions, queue, token, operation, error)
            }
        }
    }

    /// Opens a file, to read and write parts of it. The file outlives the volume's object.
    /// Wraps `msb_volume_fs_open`.
    public func open(
        _ path: String, _ options: OpenOptions = .read, permissions: UInt32 = 0o644
    ) throws(MsbError) -> File {
        let path = try text(path, "path")
        return File(
            taking: try output(msb_file()) { out, error in
                msb_volume_fs_open(handle, path, options.rawValue, permissions, out, error)
            })
    }

    /// The entries of a directory.
    public func entries(of path: String) -> DirectoryEntries {
        DirectoryEntries { cursor async throws(MsbError) in try await page(of: path, from: cursor) }
    }

    /// Some entries of a directory, at most 10000. Wraps `msb_volume_fs_list_async`.
    public func page(
        of path: String, from cursor: UInt64 = 0, limit: UInt32 = 1000
    ) async throws(MsbError) -> FilePage {
        let path = try text(path, "path")
        return try await perform(
            msb_file_page_free, FilePage.init, { handle, out, error in msb_op_take_file_page(handle, out, error) }
        ) { queue, token, operation, error in
            msb_volume_fs_list_async(handle, path, cursor, limit, queue, token, operation, error)
        }
    }

    /// What is known of a file, a directory or whatever the path is; with `followingLink`, of a symbolic link's target.
    /// Wraps `msb_volume_fs_stat`.
    public func info(of path: String, followingLink: Bool = false) throws(MsbError) -> FileInfo {
        let path = try text(path, "path")
        return try converted(msb_file_info_free, FileInfo.init) { out, error in
            msb_volume_fs_stat(handle, path, flag(MSB_STAT_FOLLOW, if: followingLink), out, error)
        }
    }

    /// Whether there is anything at a path. A symbolic link counts if what it leads to is there.
    /// Wraps `msb_volume_fs_exists`.
    public func exists(_ path: String) throws(MsbError) -> Bool {
        let path = try text(path, "path")
        return try output(UInt8(0)) { out, error in msb_volume_fs_exists(handle, path, out, error) } != 0
    }

    /// Makes a directory; with `withParents`, missing parents too, and succeeds if it is there.
    /// Wraps `msb_volume_fs_mkdir`.
    public func makeDirectory(
        _ path: String, withParents: Bool = false, permissions: UInt32 = 0o755
    ) throws(MsbError) {
        let path = try text(path, "path")
        try check { error in
            msb_volume_fs_mkdir(handle, path, permissions, flag(MSB_MKDIR_PARENTS, if: withParents), error)
        }
    }

    /// Removes a file, a symbolic link or anything else that is no directory. Wraps `msb_volume_fs_remove`.
    public func remove(_ path: String) throws(MsbError) {
        let path = try text(path, "path")
        try check { error in msb_volume_fs_remove(handle, path, error) }
    }

    /// Removes a directory; with `recursively`, with everything in it. Wraps `msb_volume_fs_remove_dir_async`.
    public func removeDirectory(_ path: String, recursively: Bool = false) async throws(MsbError) {
        let path = try text(path, "path")
        try await perform { queue, token, operation, error in
            msb_volume_fs_remove_dir_async(
                handle, path, flag(MSB_REMOVE_RECURSIVE, if: recursively), queue, token, operation, error)
        }
    }

    /// Copies a file, or a directory with everything in it, with permissions and times; links are copied as links.
    /// Nothing may be at the destination yet. Wraps `msb_volume_fs_copy_async`.
    public func copy(_ source: String, to destination: String) async throws(MsbError) {
        let source = try text(source, "source")
        let destination = try text(destination, "destination")
        try await perform { queue, token, operation, error in
            msb_volume_fs_copy_async(handle, source, destination, queue, token, operation, error)
        }
    }

    /// Renames a file or a directory, in one step. A file replaces what has the new name. Wraps `msb_volume_fs_rename`.
    public func rename(_ path: String, to newPath: String) throws(MsbError) {
        let path = try text(path, "path")
        let newPath = try text(newPath, "newPath")
        try check { error in msb_volume_fs_rename(handle, path, newPath, error) }
    }

    /// Makes a symbolic link; its target is neither checked nor followed. Wraps `msb_volume_fs_symlink`.
    public func makeSymbolicLink(_ path: String, to target: String) throws(MsbError) {
        let path = try text(path, "path")
        let target = try text(target, "target")
        try check { error in msb_volume_fs_symlink(handle, target, path, error) }
    }

    /// What a symbolic link holds. Wraps `msb_volume_fs_readlink`.
    public func symbolicLinkTarget(_ path: String) throws(MsbError) -> String {
        let path = try text(path, "path")
        return try converted(msb_bytes_free, string(_:)) { out, error in
            msb_volume_fs_readlink(handle, path, out, error)
        }
    }

    /// Sets the permissions of a file or a directory; of what a symbolic link leads to. Wraps `msb_volume_fs_chmod`.
    public func setPermissions(_ permissions: UInt32, of path: String) throws(MsbError) {
        let path = try text(path, "path")
        try check { error in msb_volume_fs_chmod(handle, path, permissions, error) }
    }

    /// Sets when a file was last read and last changed, since 1970 UTC; nil keeps a time. Of what a symbolic link leads
    /// to. Wraps `msb_volume_fs_utimes`.
    public func setTimes(of path: String, accessed: Duration?, modified: Duration?) throws(MsbError) {
        let path = try text(path, "path")
        try check { error in msb_volume_fs_utimes(handle, path, fileTime(accessed), fileTime(modified), error) }
    }

    /// Writes a file, or a directory with everything in it, as a tar archive to a descriptor, which stays the caller's.
    /// Wraps `msb_volume_fs_tar_export_async`.
    @discardableResult
    public func exportTar(
        _ path: String, to descriptor: Int32, progress: ProgressHandler? = nil
    ) async throws(MsbError) -> FileProgress {
        let path = try text(path, "path")
        return try await performWithProgress(progress) { queue, token, operation, error in
            msb_volume_fs_tar_export_async(handle, path, descriptor, queue, token, operation, error)
        }
    }

    /// Unpacks a tar archive from a descriptor beneath a directory, which is made if it is not there. The archive is not
    /// trusted. Wraps `msb_volume_fs_tar_import_async`.
    @discardableResult
    public func importTar(
        into path: String, from descriptor: Int32, progress: ProgressHandler? = nil
    ) async throws(MsbError) -> FileProgress {
        let path = try text(path, "path")
        return try await performWithProgress(progress) { queue, token, operation, error in
            msb_volume_fs_tar_import_async(handle, path, descriptor, queue, token, operation, error)
        }
    }
}
