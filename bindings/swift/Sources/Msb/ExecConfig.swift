// What a command is run with.
import CMsb

/// What a command is run with. What is nil has the default that is said here. Wraps the functions `msb_exec_config_*`.
public struct ExecConfig: Sendable {
    /// The program: a path in the guest, or a name that is looked for in its `PATH`. Nil: that of the sandbox's default command.
    public var program: String?
    /// The arguments after the program's own name.
    public var arguments: [String] = []
    /// Environment variables, added to those of the sandbox. The prefix `MSB_` is reserved.
    public var environment: [String: String] = [:]
    /// The working directory in the guest. Default: the sandbox's.
    public var workingDirectory: String?
    /// The user: a name of the guest's passwd or a number, `user[:group]`. Default: the sandbox's.
    public var user: String?
    /// Whether the command gets a terminal; its standard error then arrives with its standard output. Default: no.
    public var tty: Bool?
    /// The rows of the terminal, at least 1.
    public var rows: Int?
    /// The columns of the terminal, at least 1.
    public var columns: Int?
    /// Kill the command after this long. Default: never.
    public var timeout: Duration?
    /// Resource limits, added to those of the sandbox.
    public var resourceLimits: [ResourceLimit] = []
    /// How much of each output stream a collected command keeps, in bytes; the result says if there was more.
    public var maxOutputBytes: Int?
    /// The command's standard input. Default: none.
    public var input: Input?
    private var base: String?

    /// A command's standard input.
    public enum Input: Hashable, Sendable {
        /// These bytes, and end of file after them.
        case bytes([UInt8])
        /// What is written to `Exec.stdin` while the command runs.
        case pipe

        /// The bytes of a text.
        public static func text(_ text: String) -> Input {
            .bytes(Array(text.utf8))
        }
    }

    private static let functions = ConfigFunctions(
        new: { msb_exec_config_new(nil) }, fromJSON: msb_exec_config_from_json,
        toJSON: msb_exec_config_to_json, free: msb_exec_config_free)

    public init(_ program: String, _ arguments: [String] = []) {
        self.program = program
        self.arguments = arguments
    }

    /// The sandbox's default command; arguments take the place of its own after the entrypoint.
    public static func defaultCommand(_ arguments: [String] = []) -> ExecConfig {
        var config = ExecConfig("", arguments)
        config.program = nil
        return config
    }

    /// A script for the guest's `/bin/sh`.
    public static func shell(_ script: String) -> ExecConfig {
        ExecConfig("/bin/sh", ["-c", script])
    }

    /// Reads a configuration from JSON; `schemas/msb_exec_config.json` describes it. Properties that are set afterwards
    /// count instead of what the text says; arguments, variables and limits are added to it.
    public init(json: String) throws(MsbError) {
        base = json
        _ = try object()
    }

    /// The configuration as JSON: the options that differ from their defaults.
    public func json() throws(MsbError) -> String {
        try object().json()
    }

    func object() throws(MsbError) -> ConfigObject {
        let config = try ConfigObject(Self.functions, json: base)
        try config.set("program", program, msb_exec_config_set_program)
        for argument in arguments { try config.set("arguments", argument, msb_exec_config_add_arg) }
        try config.add("environment", environment, msb_exec_config_set_env)
        try config.set("workingDirectory", workingDirectory, msb_exec_config_set_cwd)
        try config.set("user", user, msb_exec_config_set_user)
        try config.set("tty", tty, msb_exec_config_set_tty)
        try config.set("rows", rows, msb_exec_config_set_rows)
        try config.set("columns", columns, msb_exec_config_set_cols)
        try config.setMilliseconds("timeout", timeout, msb_exec_config_set_timeout_ms)
        try config.add(resourceLimits, msb_exec_config_add_rlimit)
        try config.set("maxOutputBytes", maxOutputBytes, msb_exec_config_set_max_output_bytes)
        switch input {
        case .bytes(let data):
            try check { error in
                withBytes(of: data) { start, count in
                    msb_exec_config_set_stdin(config.pointer, start, count, error)
                }
            }
        case .pipe:
            try check { error in msb_exec_config_set_stdin_pipe(config.pointer, error) }
        case nil:
            break
        }
        return config
    }
}
