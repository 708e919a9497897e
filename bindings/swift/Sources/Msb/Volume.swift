// A volume: storage that outlives sandboxes and can be mounted in them.
import CMsb

/// A volume: a directory, or a disk with a file system. Released with the last reference to it.
public final class Volume: Sendable {
    let handle: msb_volume

    init(taking handle: msb_volume) {
        self.handle = handle
    }

    deinit {
        var handle = handle
        msb_volume_release(&handle)
    }

    /// A snapshot of the volume, with what it holds measured: for a directory that means looking at every file in it.
    /// Wraps `msb_volume_info_get`.
    public func info() throws(MsbError) -> VolumeInfo {
        try converted(msb_volume_info_free, VolumeInfo.init) { out, error in msb_volume_info_get(handle, out, error) }
    }

    /// Gives a disk that nobody has attached a larger capacity, with everything in it kept.
    /// Wraps `msb_volume_resize_async`.
    public func resize(toMiB capacity: UInt64) async throws(MsbError) {
        try await perform { queue, token, operation, error in
            msb_volume_resize_async(handle, capacity, queue, token, operation, error)
        }
    }

    /// Removes the volume with everything in it, unless a running sandbox has it attached.
    /// Wraps `msb_volume_remove_async`.
    public func remove() async throws(MsbError) {
        try await perform { queue, token, operation, error in
            msb_volume_remove_async(handle, queue, token, operation, error)
        }
    }

    /// Reads a whole file of at most 1 GiB. Wraps `msb_volume_read_async`.
    public func read(_ path: String) async throws(MsbError) -> [UInt8] {
        let path = try text(path, "path")
        return try await performForBytes { queue, token, operation, error in
            msb_volume_read_async(handle, path, queue, token, operation, error)
        }
    }

    /// Writes a whole file in place of what it held. A failure may leave a part of it: `files` can write atomically.
    /// Wraps `msb_volume_write_async`.
    public func write(_ data: some Collection<UInt8> & Sendable, to path: String) async throws(MsbError) {
        let path = try text(path, "path")
        try await perform { queue, token, operation, error in
            withBytes(of: data) { start, count in
                msb_volume_write_async(handle, path, start, count, queue, token, operation, error)
            }
        }
    }

    /// The files in a volume that is a directory.
    public var files: VolumeFiles { VolumeFiles(volume: self) }
}

extension Backend {
    /// Creates a volume. It is there whole, or not at all, also if this is cancelled. Wraps `msb_volume_create_async`.
    public func createVolume(_ config: VolumeConfig) async throws(MsbError) -> Volume {
        let config = try config.object()
        return Volume(
            taking: try await perform(
                msb_volume(), { handle, out, error in msb_op_take_volume(handle, out, error) }
            ) { queue, token, operation, error in
                msb_volume_create_async(handle, config.pointer, queue, token, operation, error)
            })
    }

    /// Opens a volume by name, whoever created it. Wraps `msb_volume_open`.
    public func openVolume(_ name: String) throws(MsbError) -> Volume {
        let name = try text(name, "name")
        return Volume(taking: try output(msb_volume()) { out, error in msb_volume_open(handle, name, out, error) })
    }

    /// All volumes that the filter lets through, in the order of their names: every page from its cursor on.
    public func volumes(matching filter: VolumeFilter = VolumeFilter()) throws(MsbError) -> [VolumeInfo] {
        try everyPage(filter, volumePage(matching:))
    }

    /// One page of the volumes that the filter lets through. Wraps `msb_volume_list`.
    public func volumePage(matching filter: VolumeFilter = VolumeFilter()) throws(MsbError) -> Page<VolumeInfo> {
        let filter = try filter.object()
        return try converted(
            msb_volume_page_free,
            { page in
                Page(
                    items: (0..<msb_volume_page_len(page)).compactMap { index in
                        msb_volume_page_get(page, index).map(VolumeInfo.init)
                    }, nextCursor: stringIfAny(msb_volume_page_next(page)))
            }
        ) { out, error in msb_volume_list(handle, filter.pointer, out, error) }
    }
}
