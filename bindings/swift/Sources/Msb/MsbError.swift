// Why a call failed: a copy of the library's error object, so that it can be kept and sent anywhere.
import CMsb

/// Why a call failed.
///
/// `status` and `reason` are for programs, `message` is for people: it says what failed, why, and what to do about it.
public struct MsbError: Error, Sendable, CustomStringConvertible {
    /// What kind of failure it is.
    public let status: Status
    /// The stable dotted reason, such as `"sandbox.name_taken"`. The set is open.
    public let reason: String
    /// What failed, its causes, and what to do about it, in one line.
    public let message: String
    /// The errno of the operating system call that failed; 0 if none did.
    public let errno: Int32
    /// Whether the same call, unchanged, may succeed later.
    public let isRetryable: Bool
    /// Machine-readable facts, such as `"sandbox"` or `"console_tail"`.
    public let details: [String: [UInt8]]
    /// The texts of the causes; the first is the nearest, the last is the root.
    public let causes: [String]

    /// Takes over an error object of the library, which is missing only when there is no memory for one.
    /// Wraps `msb_error_message` and its siblings.
    init(taking error: OpaquePointer?, status: msb_status) {
        defer { msb_error_free(error) }
        self.status = Status(rawValue: error == nil ? status : msb_error_status(error))
        reason = string(msb_error_reason(error))
        message = string(msb_error_message(error))
        errno = msb_error_errno(error)
        isRetryable = msb_error_retryable(error) != 0
        causes = (0..<msb_error_cause_count(error)).map { string(msb_error_cause(error, $0)) }
        var details: [String: [UInt8]] = [:]
        for index in 0..<msb_error_detail_count(error) {
            var count = 0
            let key = msb_error_detail_key(error, index)
            let data = msb_error_detail(error, key, &count)
            details[string(key)] = bytes(data, count)
        }
        self.details = details
    }

    /// A failure that the library was not asked about.
    init(_ status: Status, _ reason: String, _ message: String, details: [String: [UInt8]] = [:]) {
        self.status = status
        self.reason = reason
        self.message = message
        self.details = details
        errno = 0
        isRetryable = false
        causes = []
    }

    /// A detail as text; nil if there is no such detail.
    public func detail(_ key: String) -> String? {
        details[key].map { String(decoding: $0, as: UTF8.self) }
    }

    public var description: String { "\(message) (\(status), \(reason))" }
}

extension MsbError {
    /// A kind of failure. The set is open: a later version may add some, so give every `switch` a `default`.
    public struct Status: RawRepresentable, Hashable, Sendable, CustomStringConvertible {
        public let rawValue: Int32

        public init(rawValue: Int32) {
            self.rawValue = rawValue
        }

        private init(_ rawValue: Int32) {
            self.rawValue = rawValue
        }

        /// An argument is malformed or out of range; the message names it.
        public static let invalidArgument = Status(MSB_ERR_INVALID_ARGUMENT)
        /// Nothing of that name exists.
        public static let notFound = Status(MSB_ERR_NOT_FOUND)
        /// The name is taken.
        public static let alreadyExists = Status(MSB_ERR_ALREADY_EXISTS)
        /// The object is in a state in which this cannot be done.
        public static let invalidState = Status(MSB_ERR_INVALID_STATE)
        /// The operating system denies access.
        public static let permissionDenied = Status(MSB_ERR_PERMISSION_DENIED)
        /// A limit of the process, the system or the library is reached.
        public static let resourceExhausted = Status(MSB_ERR_RESOURCE_EXHAUSTED)
        /// The other side does not answer now; the same call may succeed later.
        public static let unavailable = Status(MSB_ERR_UNAVAILABLE)
        /// The deadline passed.
        public static let timeout = Status(MSB_ERR_TIMEOUT)
        /// The operation was cancelled, as by cancelling the task that waited for it.
        public static let cancelled = Status(MSB_ERR_CANCELLED)
        /// Nothing is ready and the caller asked not to wait.
        public static let wouldBlock = Status(MSB_ERR_WOULD_BLOCK)
        /// The stream has ended.
        public static let endOfStream = Status(MSB_ERR_END_OF_STREAM)
        /// This build, host or driver cannot do it.
        public static let unsupported = Status(MSB_ERR_UNSUPPORTED)
        /// A file or device operation failed; see the errno.
        public static let io = Status(MSB_ERR_IO)
        /// A network operation failed.
        public static let network = Status(MSB_ERR_NETWORK)
        /// Data does not have the form or the digest that it must have.
        public static let corrupt = Status(MSB_ERR_CORRUPT)
        /// Somebody else changed the same object first.
        public static let conflict = Status(MSB_ERR_CONFLICT)
        /// The guest did not come up; details hold the stage and the console's tail.
        public static let guestFailed = Status(MSB_ERR_GUEST_FAILED)
        /// The command could not be started in the guest; the reason says why.
        public static let execFailed = Status(MSB_ERR_EXEC_FAILED)
        /// The handle was released.
        public static let staleHandle = Status(MSB_ERR_STALE_HANDLE)
        /// The handle belongs to an object of another type.
        public static let wrongHandleType = Status(MSB_ERR_WRONG_HANDLE_TYPE)
        /// The call would wait for the thread that makes it.
        public static let wouldDeadlock = Status(MSB_ERR_WOULD_DEADLOCK)
        /// The process was forked after the library was first used; the child cannot use it.
        public static let forked = Status(MSB_ERR_FORKED)
        /// Header and library are of incompatible versions.
        public static let abiMismatch = Status(MSB_ERR_ABI_MISMATCH)
        /// Memory could not be allocated.
        public static let outOfMemory = Status(MSB_ERR_OUT_OF_MEMORY)
        /// A defect of the library itself.
        public static let `internal` = Status(MSB_ERR_INTERNAL)
        /// The store was written by a newer version; it was left as it was.
        public static let storeNewer = Status(MSB_ERR_STORE_NEWER)
        /// The store's database is damaged.
        public static let storeCorrupt = Status(MSB_ERR_STORE_CORRUPT)
        /// The place to be written is read-only.
        public static let readOnly = Status(MSB_ERR_READ_ONLY)
        /// The disk or its quota is full.
        public static let diskFull = Status(MSB_ERR_DISK_FULL)
        /// A configuration text or file cannot be used as it stands.
        public static let configInvalid = Status(MSB_ERR_CONFIG_INVALID)
        /// No driver can run a guest on this host.
        public static let driverUnavailable = Status(MSB_ERR_DRIVER_UNAVAILABLE)
        /// No guest kernel was found; the message lists where it was looked for.
        public static let kernelNotFound = Status(MSB_ERR_KERNEL_NOT_FOUND)
        /// This host cannot give the isolation that was asked for.
        public static let isolationUnavailable = Status(MSB_ERR_ISOLATION_UNAVAILABLE)
        /// The sandbox's machine ended without being asked to.
        public static let sandboxCrashed = Status(MSB_ERR_SANDBOX_CRASHED)
        /// The sandbox is not running.
        public static let notRunning = Status(MSB_ERR_NOT_RUNNING)
        /// The object is in use.
        public static let busy = Status(MSB_ERR_BUSY)

        /// The C name, such as `MSB_ERR_NOT_FOUND`. Wraps `msb_status_name`.
        public var description: String { string(msb_status_name(rawValue)) }
    }
}
