// A sandbox: a microVM with its root, its mounts and its commands.
import CMsb

/// A sandbox. Released with the last reference to it and to its commands; an attached one that this process started is
/// then shut down in the background.
public final class Sandbox: Sendable {
    let handle: msb_sandbox

    init(taking handle: msb_sandbox) {
        self.handle = handle
    }

    deinit {
        var handle = handle
        msb_sandbox_release(&handle)
    }

    /// Starts the sandbox. When this returns, commands can run in it. A start that is cancelled or not done in time is
    /// undone. Without a timeout the sandbox's own boot timeout counts. Wraps `msb_sandbox_start_async`.
    public func start(timeout: Duration? = nil) async throws(MsbError) {
        try await perform { queue, token, operation, error in
            msb_sandbox_start_async(handle, milliseconds(timeout), queue, token, operation, error)
        }
    }

    /// Shuts the sandbox down: its processes are asked to end, its file systems are flushed, and what is left after the
    /// timeout is killed; nil never kills. Succeeds whenever the sandbox is not running afterwards.
    /// Wraps `msb_sandbox_stop_async`.
    public func stop(timeout: Duration? = .seconds(30)) async throws(MsbError) {
        try await perform { queue, token, operation, error in
            msb_sandbox_stop_async(handle, milliseconds(timeout), queue, token, operation, error)
        }
    }

    /// Kills the sandbox's machine at once; what the guest had not written out is lost. Succeeds whenever the sandbox is
    /// not running afterwards. Wraps `msb_sandbox_kill_async`.
    public func kill(timeout: Duration? = nil) async throws(MsbError) {
        try await perform { queue, token, operation, error in
            msb_sandbox_kill_async(handle, milliseconds(timeout), queue, token, operation, error)
        }
    }

    /// Waits until the sandbox is not running and tells how its last run ended. Wraps `msb_sandbox_wait_async`.
    @discardableResult
    public func wait(timeout: Duration? = nil) async throws(MsbError) -> SandboxExit {
        SandboxExit(
            try await perform(msb_exit(), { handle, out, error in msb_op_take_exit(handle, out, error) }) {
                queue, token, operation, error in
                msb_sandbox_wait_async(handle, milliseconds(timeout), queue, token, operation, error)
            })
    }

    /// Lets the running sandbox live on when it is released or this process ends. Wraps `msb_sandbox_detach_async`.
    public func detach() async throws(MsbError) {
        try await perform { queue, token, operation, error in
            msb_sandbox_detach_async(handle, queue, token, operation, error)
        }
    }

    /// Removes the sandbox, which is not running, with everything in its directory. Wraps `msb_sandbox_remove_async`.
    public func remove() async throws(MsbError) {
        try await perform { queue, token, operation, error in
            msb_sandbox_remove_async(handle, queue, token, operation, error)
        }
    }

    /// Sets a label, replacing its value if it is there. Wraps `msb_sandbox_set_label`.
    public func setLabel(_ key: String, to value: String) throws(MsbError) {
        let key = try text(key, "key")
        let value = try text(value, "value")
        try check { error in msb_sandbox_set_label(handle, key, value, error) }
    }

    /// Removes a label, if it is there. Wraps `msb_sandbox_remove_label`.
    public func removeLabel(_ key: String) throws(MsbError) {
        let key = try text(key, "key")
        try check { error in msb_sandbox_remove_label(handle, key, error) }
    }

    /// A snapshot of the sandbox: its status, its configuration, how its last run ended.
    /// Wraps `msb_sandbox_info_get`.
    public func info() throws(MsbError) -> SandboxInfo {
        try converted(msb_sandbox_info_free, SandboxInfo.init) { out, error in msb_sandbox_info_get(handle, out, error) }
    }

    /// The files in the running sandbox.
    public var files: SandboxFiles { SandboxFiles(sandbox: self) }

    /// Runs a command to its end and collects what it writes, up to the config's `maxOutputBytes` for each channel. A
    /// command that exits with a code other than 0 is a success of this call. Wraps `msb_sandbox_exec_async`.
    public func exec(_ config: ExecConfig) async throws(MsbError) -> ExecResult {
        let config = try config.object()
        return try await perform(
            msb_exec_result_free, ExecResult.init,
            { handle, out, error in msb_op_take_exec_result(handle, out, error) }
        ) { queue, token, operation, error in
            msb_sandbox_exec_async(handle, config.pointer, queue, token, operation, error)
        }
    }

    /// The same for a program and its arguments: `try await sandbox.exec("uname", "-a")`.
    public func exec(_ program: String, _ arguments: String...) async throws(MsbError) -> ExecResult {
        try await exec(ExecConfig(program, arguments))
    }

    /// Starts a command, to write to it and read from it while it runs. A command that cannot be started throws an error
    /// with the status `execFailed` whose reason says why, such as `"exec.not_found"`.
    /// Wraps `msb_sandbox_exec_start_async`.
    public func start(_ config: ExecConfig) async throws(MsbError) -> Exec {
        let object = try config.object()
        return Exec(
            taking: try await perform(msb_exec(), { handle, out, error in msb_op_take_exec(handle, out, error) }) {
                queue, token, operation, error in
                msb_sandbox_exec_start_async(handle, object.pointer, queue, token, operation, error)
            })
    }

    /// Copies a file or a directory of the host, with everything in it, into the running sandbox; `destination` is what
    /// the copy is called. Wraps `msb_sandbox_copy_in_async`.
    @discardableResult
    public func copyIn(
        from source: String, to destination: String, timeout: Duration? = nil, progress: ProgressHandler? = nil
    ) async throws(MsbError) -> FileProgress {
        let source = try text(source, "source")
        let destination = try text(destination, "destination")
        return try await performWithProgress(progress) { queue, token, operation, error in
            msb_sandbox_copy_in_async(
                handle, source, destination, milliseconds(timeout), queue, token, operation, error)
        }
    }

    /// Copies a file or a directory of the running sandbox, with everything in it, to the host; `destination` is what the
    /// copy is called. The guest is not trusted: nothing is written but beneath it. Wraps `msb_sandbox_copy_out_async`.
    @discardableResult
    public func copyOut(
        from source: String, to destination: String, timeout: Duration? = nil, progress: ProgressHandler? = nil
    ) async throws(MsbError) -> FileProgress {
        let source = try text(source, "source")
        let destination = try text(destination, "destination")
        return try await performWithProgress(progress) { queue, token, operation, error in
            msb_sandbox_copy_out_async(
                handle, source, destination, milliseconds(timeout), queue, token, operation, error)
        }
    }
}

/// How a run of a sandbox ended.
public struct SandboxExit: Sendable {
    /// The exit code of the virtual machine monitor; nil if it did not exit by itself.
    public let exitCode: Int?
    /// The signal that ended the virtual machine monitor; nil if none did.
    public let signal: Int?
    public let reason: Reason
    /// Whether this was a crash rather than an end in order.
    public let isCrash: Bool
    /// Whether a stop that was asked for had to kill.
    public let wasKilled: Bool
    /// Whether the guest had flushed and unmounted everything.
    public let isClean: Bool
    /// When the run began, since 1970 UTC; nil if it never came up.
    public let started: Duration?
    /// When it ended, since 1970 UTC.
    public let ended: Duration

    init(_ record: msb_exit) {
        exitCode = record.exit_code == -1 ? nil : Int(record.exit_code)
        signal = record.signal == 0 ? nil : Int(record.signal)
        reason = Reason(rawValue: record.reason)
        isCrash = record.crashed != 0
        wasKilled = record.killed != 0
        isClean = record.clean != 0
        started = record.started_unix_ms == 0 ? nil : .milliseconds(record.started_unix_ms)
        ended = .milliseconds(record.ended_unix_ms)
    }

    /// Why a run ended. The set is open.
    public struct Reason: RawRepresentable, Hashable, Sendable {
        public let rawValue: UInt32

        public init(rawValue: UInt32) {
            self.rawValue = rawValue
        }

        private init(_ reason: Int32) {
            rawValue = UInt32(bitPattern: reason)
        }

        /// A reason that the library has no number for.
        public static let other = Reason(MSB_EXIT_OTHER)
        /// The guest ended its machine by itself.
        public static let completed = Reason(MSB_EXIT_COMPLETED)
        public static let stopRequested = Reason(MSB_EXIT_STOP_REQUESTED)
        public static let killRequested = Reason(MSB_EXIT_KILL_REQUESTED)
        /// Nobody used it for its idle timeout.
        public static let idleTimeout = Reason(MSB_EXIT_IDLE_TIMEOUT)
        /// It ran for its longest duration.
        public static let maxDuration = Reason(MSB_EXIT_MAX_DURATION)
        /// The process that it was attached to let go of it or ended.
        public static let ownerExited = Reason(MSB_EXIT_OWNER_EXITED)
        /// It did not come up.
        public static let bootFailed = Reason(MSB_EXIT_BOOT_FAILED)
        /// Its virtual machine monitor crashed or was killed by somebody else.
        public static let monitorCrashed = Reason(MSB_EXIT_VMM_CRASHED)
        /// The guest broke the protocol and was killed for it.
        public static let protocolViolation = Reason(MSB_EXIT_PROTOCOL_VIOLATION)
        /// Its runner was killed, or the host went down.
        public static let runnerDied = Reason(MSB_EXIT_RUNNER_DIED)
        /// Its runner failed.
        public static let internalError = Reason(MSB_EXIT_INTERNAL_ERROR)
    }
}
