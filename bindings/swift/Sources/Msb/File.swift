// An open file of a volume or of a sandbox, read and written at places.
import CMsb

/// An open file of a volume or of a sandbox; closed with the last reference to it. The timeouts are for files of a
/// sandbox: a volume is not waited for. Nil waits for ever.
public final class File: Sendable {
    let handle: msb_file

    init(taking handle: msb_file) {
        self.handle = handle
    }

    deinit {
        var handle = handle
        msb_file_release(&handle)
    }

    /// Reads at most so many bytes at a place; none at the end of the file. Wraps `msb_file_pread_async`.
    public func read(
        at offset: UInt64, count: Int, timeout: Duration? = nil
    ) async throws(MsbError) -> [UInt8] {
        try await performForBytes { queue, token, operation, error in
            msb_file_pread_async(handle, offset, max(0, count), milliseconds(timeout), queue, token, operation, error)
        }
    }

    /// Writes at a place; a gap before it reads as zeroes. A failure may leave a part written.
    /// Wraps `msb_file_pwrite_async`.
    public func write(
        _ data: some Collection<UInt8> & Sendable, at offset: UInt64, timeout: Duration? = nil
    ) async throws(MsbError) {
        try await perform { queue, token, operation, error in
            withBytes(of: data) { start, count in
                msb_file_pwrite_async(
                    handle, offset, start, count, milliseconds(timeout), queue, token, operation, error)
            }
        }
    }

    /// Writes at the end of a file that was opened for appending, as it is then. Wraps `msb_file_append_async`.
    public func append(
        _ data: some Collection<UInt8> & Sendable, timeout: Duration? = nil
    ) async throws(MsbError) {
        try await perform { queue, token, operation, error in
            withBytes(of: data) { start, count in
                msb_file_append_async(handle, start, count, milliseconds(timeout), queue, token, operation, error)
            }
        }
    }

    /// The size in bytes, which may grow or shrink at any time. Wraps `msb_file_size_async`.
    public func size(timeout: Duration? = nil) async throws(MsbError) -> UInt64 {
        try await perform(UInt64(0), { handle, out, error in msb_op_take_count(handle, out, error) }) {
            queue, token, operation, error in
            msb_file_size_async(handle, milliseconds(timeout), queue, token, operation, error)
        }
    }

    /// Cuts the file off, or lengthens it with zeroes. Wraps `msb_file_truncate_async`.
    public func truncate(to size: UInt64, timeout: Duration? = nil) async throws(MsbError) {
        try await perform { queue, token, operation, error in
            msb_file_truncate_async(handle, size, milliseconds(timeout), queue, token, operation, error)
        }
    }

    /// Waits until what was written is on the disk. Wraps `msb_file_sync_async`.
    public func sync(timeout: Duration? = nil) async throws(MsbError) {
        try await perform { queue, token, operation, error in
            msb_file_sync_async(handle, milliseconds(timeout), queue, token, operation, error)
        }
    }

    /// What is known of the open file, even if its name is gone. Wraps `msb_file_stat_async`.
    public func info(timeout: Duration? = nil) async throws(MsbError) -> FileInfo {
        try await perform(
            msb_file_info_free, FileInfo.init, { handle, out, error in msb_op_take_file_info(handle, out, error) }
        ) { queue, token, operation, error in
            msb_file_stat_async(handle, milliseconds(timeout), queue, token, operation, error)
        }
    }
}
