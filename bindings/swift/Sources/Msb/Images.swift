// The images of a home: loading, pulling, listing, removing.
import CMsb

extension Backend {
    /// Loads an image from a file or directory of this host: an archive of docker, podman or skopeo, an OCI layout, or the
    /// tar of a root file system, each also compressed. It is there whole, with all its names, or not at all, also if this
    /// is cancelled. Progress counts bytes of its layers, and layers. Wraps `msb_image_load_async`.
    public func loadImage(
        at path: String, _ config: ImageLoadConfig = ImageLoadConfig(), progress: ProgressHandler? = nil
    ) async throws(MsbError) -> ImageInfo {
        let path = try text(path, "path")
        let config = try config.object()
        return try await performForImage(progress) { queue, token, operation, error in
            msb_image_load_async(handle, path, config.pointer, queue, token, operation, error)
        }
    }

    /// Loads an image from a descriptor, which stays the caller's: an open file, directory, pipe or socket.
    /// Wraps `msb_image_load_fd_async`.
    public func loadImage(
        from descriptor: Int32, _ config: ImageLoadConfig = ImageLoadConfig(), progress: ProgressHandler? = nil
    ) async throws(MsbError) -> ImageInfo {
        let config = try config.object()
        return try await performForImage(progress) { queue, token, operation, error in
            msb_image_load_fd_async(handle, descriptor, config.pointer, queue, token, operation, error)
        }
    }

    /// Fetches an image from its registry as far as the home lacks it. It is there whole, or not at all, also if this is
    /// cancelled. Wraps `msb_image_pull_async`.
    public func pullImage(
        _ reference: String, _ config: ImagePullConfig = ImagePullConfig(), progress: ProgressHandler? = nil
    ) async throws(MsbError) -> ImageInfo {
        let reference = try text(reference, "reference")
        let config = try config.object()
        return try await performForImage(progress) { queue, token, operation, error in
            msb_image_pull_async(handle, reference, config.pointer, queue, token, operation, error)
        }
    }

    /// Saves an image as an archive that docker, podman, skopeo and `loadImage` take. A file that is there is replaced once the
    /// archive is whole. Progress counts layers, and bytes that are read, each twice. Wraps `msb_image_save_async`.
    public func saveImage(
        _ reference: String, to path: String, progress: ProgressHandler? = nil
    ) async throws(MsbError) {
        let reference = try text(reference, "reference")
        let path = try text(path, "path")
        try await perform(progress: progress) { queue, token, operation, error in
            msb_image_save_async(handle, reference, path, queue, token, operation, error)
        }
    }

    /// Saves an image to a descriptor, which stays the caller's: an open file, pipe or socket. Wraps `msb_image_save_fd_async`.
    public func saveImage(
        _ reference: String, to descriptor: Int32, progress: ProgressHandler? = nil
    ) async throws(MsbError) {
        let reference = try text(reference, "reference")
        try await perform(progress: progress) { queue, token, operation, error in
            msb_image_save_fd_async(handle, reference, descriptor, queue, token, operation, error)
        }
    }

    /// A snapshot of an image, by the short form of its reference or the full one: `python` or
    /// `docker.io/library/python:latest`. Wraps `msb_image_info_get`.
    public func image(_ reference: String) throws(MsbError) -> ImageInfo {
        let reference = try text(reference, "reference")
        return try converted(msb_image_info_free, ImageInfo.init) { out, error in
            msb_image_info_get(handle, reference, out, error)
        }
    }

    /// Removes an image, and from the disk what no other image has, unless a sandbox needs it. Wraps `msb_image_remove`.
    public func removeImage(_ reference: String) throws(MsbError) {
        let reference = try text(reference, "reference")
        try check { error in msb_image_remove(handle, reference, error) }
    }

    /// All images that the filter lets through, in the order of their references: every page from its cursor on.
    public func images(matching filter: ImageFilter = ImageFilter()) throws(MsbError) -> [ImageInfo] {
        try everyPage(filter, imagePage(matching:))
    }

    /// One page of the images that the filter lets through. Wraps `msb_image_list`.
    public func imagePage(matching filter: ImageFilter = ImageFilter()) throws(MsbError) -> Page<ImageInfo> {
        let filter = try filter.object()
        return try converted(
            msb_image_page_free,
            { page in
                Page(
                    items: (0..<msb_image_page_len(page)).compactMap { index in
                        msb_image_page_get(page, index).map(ImageInfo.init)
                    }, nextCursor: stringIfAny(msb_image_page_next(page)))
            }
        ) { out, error in msb_image_list(handle, filter.pointer, out, error) }
    }
}

/// Runs an operation whose result is an image. Wraps `msb_op_take_image_info`.
func performForImage(_ progress: ProgressHandler?, _ submit: Submission) async throws(MsbError) -> ImageInfo {
    try await perform(
        msb_image_info_free, ImageInfo.init,
        { handle, out, error in msb_op_take_image_info(handle, out, error) }, progress: progress, submit)
}
