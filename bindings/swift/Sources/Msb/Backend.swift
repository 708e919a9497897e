// A backend: the home directory that sandboxes and volumes belong to.
import CMsb

/// A home directory with its sandboxes and volumes. It is released with the last reference to it, and lives on for as
/// long as objects of it do.
public final class Backend: Sendable {
    let handle: msb_backend

    private init(taking handle: msb_backend) {
        self.handle = handle
    }

    /// Opens a home. What the configuration does not set is taken from the config file of the home, or has a default.
    /// Without a configuration the home is `$MSB_HOME` or `~/.microsandbox`, opened when it is first needed.
    /// Wraps `msb_backend_new_async`.
    public convenience init(_ config: BackendConfig? = nil) async throws(MsbError) {
        let object = try config?.object()
        self.init(
            taking: try await perform(
                msb_backend(), { handle, out, error in msb_op_take_backend(handle, out, error) }
            ) { queue, token, operation, error in
                msb_backend_new_async(object?.pointer, queue, token, operation, error)
            })
    }

    /// The one backend that everybody in this process can share: that of `init()` without a configuration. After it was
    /// closed the next call makes another. Wraps `msb_backend_default`.
    public static func shared() throws(MsbError) -> Backend {
        Backend(taking: try output(msb_backend()) { out, error in msb_backend_default(out, error) })
    }

    deinit {
        var handle = handle
        msb_backend_release(&handle)
    }

    /// Ends the backend in order: lets go of its sandboxes, so that attached ones shut down, and waits until they have.
    /// Calls on objects of it fail from then on, with the status `invalidState`. Closing again does nothing.
    /// The backend is closed even if the timeout passes. Wraps `msb_backend_close_async`.
    public func close(timeout: Duration? = nil) async throws(MsbError) {
        try await perform { queue, token, operation, error in
            msb_backend_close_async(handle, milliseconds(timeout), queue, token, operation, error)
        }
    }

    /// What the backend goes by; a backend that was closed gives it too. Wraps `msb_backend_info_get`.
    public func info() throws(MsbError) -> BackendInfo {
        let made = try output(OpaquePointer?.none) { out, error in msb_backend_info_get(handle, out, error) }
        defer { msb_backend_info_free(made) }
        return try BackendInfo(present(made))
    }

    /// What this host can run, and what to do about what it cannot. Wraps `msb_probe_async`.
    public func probe() async throws(MsbError) -> ProbeReport {
        try await perform(
            msb_probe_report_free, ProbeReport.init,
            { handle, out, error in msb_op_take_probe_report(handle, out, error) }
        ) { queue, token, operation, error in
            msb_probe_async(handle, queue, token, operation, error)
        }
    }
}
