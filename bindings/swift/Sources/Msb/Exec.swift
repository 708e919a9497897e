// A command in a sandbox, while it runs.
import CMsb

/// A command in a sandbox. When the last reference to it goes the command goes on, its input ends, and what it still
/// writes is thrown away; signal it first to end it.
public final class Exec: Sendable {
    let handle: msb_exec

    init(taking handle: msb_exec) {
        self.handle = handle
    }

    deinit {
        var handle = handle
        msb_exec_release(&handle)
    }

    /// The command's process id in the guest; nil if the command is over. Wraps `msb_exec_pid`.
    public var pid: Int? {
        let pid = msb_exec_pid(handle)
        return pid == 0 ? nil : Int(pid)
    }

    /// What the command writes to its standard output; with a terminal, everything that it prints.
    public var stdout: ExecOutput { ExecOutput(exec: self, channel: .stdout) }

    /// What the command writes to its standard error.
    public var stderr: ExecOutput { ExecOutput(exec: self, channel: .stderr) }

    /// The command's standard input, if its config made that a pipe.
    public var stdin: ExecInput { ExecInput(exec: self) }

    /// Waits for the end of the command. Output that it left behind stays readable. Cancelling leaves the command
    /// running. Wraps `msb_exec_wait_async`.
    @discardableResult
    public func wait(timeout: Duration? = nil) async throws(MsbError) -> ExecStatus {
        ExecStatus(
            try await perform(
                msb_exec_status(), { handle, out, error in msb_op_take_exec_status(handle, out, error) }
            ) { queue, token, operation, error in
                msb_exec_wait_async(handle, milliseconds(timeout), queue, token, operation, error)
            })
    }

    /// Sends a signal, by its Linux number, to the command's process group. Wraps `msb_exec_signal`.
    public func signal(_ number: Int32) throws(MsbError) {
        try check { error in msb_exec_signal(handle, number, error) }
    }

    /// Changes the size of the command's terminal. Wraps `msb_exec_resize`.
    public func resize(rows: UInt16, columns: UInt16) throws(MsbError) {
        try check { error in msb_exec_resize(handle, rows, columns, error) }
    }

    /// Gives a channel away as a socket that does not block, which is the caller's to close. A channel can be given away
    /// once, and then not be read or written in another way. Wraps `msb_exec_take_fd`.
    public func takeFileDescriptor(of channel: Channel) throws(MsbError) -> Int32 {
        try output(Int32(-1)) { out, error in msb_exec_take_fd(handle, channel.rawValue, out, error) }
    }

    /// One of a command's three standard streams.
    public enum Channel: Hashable, Sendable {
        case stdin, stdout, stderr

        var rawValue: Int32 {
            switch self {
            case .stdin: MSB_STDIN
            case .stdout: MSB_STDOUT
            case .stderr: MSB_STDERR
            }
        }
    }
}

/// How a command ended.
public struct ExecStatus: Hashable, Sendable {
    /// The exit code; nil if a signal ended the command.
    public let exitCode: Int?
    /// The signal that ended the command; nil if none did.
    public let signal: Int?
    /// Whether the command's own timeout ended it.
    public let timedOut: Bool
    /// Whether something that the command started still held its output open; what that writes is thrown away.
    public let isOutputOpen: Bool

    /// Whether the command exited with code 0.
    public var isSuccess: Bool { exitCode == 0 }

    init(_ status: msb_exec_status) {
        exitCode = status.exit_code == -1 ? nil : Int(status.exit_code)
        signal = status.signal == 0 ? nil : Int(status.signal)
        timedOut = status.timed_out != 0
        isOutputOpen = status.output_open != 0
    }
}

/// What a command left behind. Wraps the functions `msb_exec_result_*`.
public struct ExecResult: Sendable {
    /// The exit code; nil if a signal ended the command.
    public let exitCode: Int?
    /// The signal that ended the command; nil if none did.
    public let signal: Int?
    /// What the command wrote to its standard output, as far as it was kept.
    public let stdout: [UInt8]
    /// What the command wrote to its standard error, as far as it was kept.
    public let stderr: [UInt8]
    /// How many bytes the command wrote to its standard output, kept or not.
    public let stdoutTotal: Int
    /// How many bytes the command wrote to its standard error, kept or not.
    public let stderrTotal: Int
    public let isStdoutTruncated: Bool
    public let isStderrTruncated: Bool

    /// Whether the command exited with code 0.
    public var isSuccess: Bool { exitCode == 0 }
    /// The standard output as text; what is not UTF-8 is replaced.
    public var output: String { String(decoding: stdout, as: UTF8.self) }
    /// The standard error as text; what is not UTF-8 is replaced.
    public var errorOutput: String { String(decoding: stderr, as: UTF8.self) }

    init(_ result: OpaquePointer) {
        let code = msb_exec_result_exit_code(result)
        let signal = msb_exec_result_signal(result)
        exitCode = code == -1 ? nil : Int(code)
        self.signal = signal == 0 ? nil : Int(signal)
        var count = 0
        var data = msb_exec_result_stdout(result, &count)
        stdout = bytes(data, count)
        data = msb_exec_result_stderr(result, &count)
        stderr = bytes(data, count)
        stdoutTotal = Int(clamping: msb_exec_result_stdout_total(result))
        stderrTotal = Int(clamping: msb_exec_result_stderr_total(result))
        isStdoutTruncated = msb_exec_result_stdout_truncated(result) != 0
        isStderrTruncated = msb_exec_result_stderr_truncated(result) != 0
    }
}
