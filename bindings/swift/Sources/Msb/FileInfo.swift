// What is known of a file, directories as sequences of that, and the options of the file calls.
import CMsb

/// What is known of a file. Wraps the functions `msb_file_info_*`.
public struct FileInfo: Sendable {
    /// The last part of its name, as bytes: not necessarily UTF-8. Empty for an open file.
    public let nameBytes: [UInt8]
    /// Nil for a kind that the library does not know.
    public let kind: Kind?
    /// Its size in bytes; of a symbolic link, the length of what it holds.
    public let size: UInt64
    /// Its permissions with the set-id and sticky bits, such as `0o644`.
    public let mode: UInt32
    public let uid: UInt32
    public let gid: UInt32
    /// How many names it has.
    public let linkCount: UInt64
    /// When it was last read, since 1970 UTC.
    public let accessed: Duration
    /// When its content last changed, since 1970 UTC.
    public let modified: Duration
    /// When anything of it last changed, since 1970 UTC.
    public let changed: Duration
    /// Its number in its file system.
    public let inode: UInt64
    /// The number of its file system.
    public let device: UInt64

    /// The name as text; what is not UTF-8 is replaced.
    public var name: String { String(decoding: nameBytes, as: UTF8.self) }

    public enum Kind: Hashable, Sendable {
        case regular, directory, symbolicLink, fifo, socket, characterDevice, blockDevice

        init?(_ number: UInt32) {
            switch Int32(bitPattern: number) {
            case MSB_FILE_REGULAR: self = .regular
            case MSB_FILE_DIRECTORY: self = .directory
            case MSB_FILE_SYMLINK: self = .symbolicLink
            case MSB_FILE_FIFO: self = .fifo
            case MSB_FILE_SOCKET: self = .socket
            case MSB_FILE_CHAR_DEVICE: self = .characterDevice
            case MSB_FILE_BLOCK_DEVICE: self = .blockDevice
            default: return nil
            }
        }
    }

    init(_ info: OpaquePointer) {
        nameBytes = bytes(upToNul: msb_file_info_name(info))
        kind = Kind(msb_file_info_kind(info))
        size = msb_file_info_size(info)
        mode = msb_file_info_mode(info)
        uid = msb_file_info_uid(info)
        gid = msb_file_info_gid(info)
        linkCount = msb_file_info_nlink(info)
        accessed = .nanoseconds(msb_file_info_accessed_ns(info))
        modified = .nanoseconds(msb_file_info_modified_ns(info))
        changed = .nanoseconds(msb_file_info_changed_ns(info))
        inode = msb_file_info_inode(info)
        device = msb_file_info_device(info)
    }
}

/// Some entries of a directory.
public struct FilePage: Sendable {
    public let entries: [FileInfo]
    /// Where the next page begins; nil after the last.
    public let nextCursor: UInt64?

    init(_ page: OpaquePointer) {
        entries = (0..<msb_file_page_len(page)).compactMap { msb_file_page_get(page, $0).map(FileInfo.init) }
        let next = msb_file_page_next(page)
        nextCursor = next == 0 ? nil : next
    }
}

/// The entries of a directory, in its own order, read a page at a time as they are asked for. What is made or removed
/// meanwhile may be among them or not.
public struct DirectoryEntries: AsyncSequence, Sendable {
    public typealias Element = FileInfo
    public typealias Failure = MsbError
    typealias PageReader = @Sendable (UInt64) async throws(MsbError) -> FilePage

    let readPage: PageReader

    public func makeAsyncIterator() -> Iterator {
        Iterator(readPage: readPage)
    }

    public struct Iterator: AsyncIteratorProtocol {
        let readPage: PageReader
        private var entries: ArraySlice<FileInfo> = []
        private var cursor: UInt64? = 0

        init(readPage: @escaping PageReader) {
            self.readPage = readPage
        }

        public mutating func next(isolation actor: isolated (any Actor)?) async throws(MsbError) -> FileInfo? {
            while entries.isEmpty, let start = cursor {
                cursor = nil
                let page = try await readPage(start)
                entries = page.entries[...]
                cursor = page.nextCursor
            }
            return entries.popFirst()
        }

        public mutating func next() async throws(MsbError) -> FileInfo? {
            try await next(isolation: nil)
        }
    }
}

/// How far an import, an export or a copy has come.
public struct FileProgress: Hashable, Sendable {
    /// Bytes of files.
    public let bytes: UInt64
    /// Files, directories and links.
    public let entries: UInt64
}

func performWithProgress(
    _ progress: ProgressHandler?, _ submit: Submission
) async throws(MsbError) -> FileProgress {
    let record = try await perform(
        msb_file_progress(), { handle, out, error in msb_op_take_file_progress(handle, out, error) },
        progress: progress, submit)
    let total = FileProgress(bytes: record.bytes, entries: record.entries)
    progress?(total)
    return total
}

/// What a file is opened for.
public struct OpenOptions: OptionSet, Sendable {
    public let rawValue: UInt32

    public init(rawValue: UInt32) {
        self.rawValue = rawValue
    }

    private init(_ flag: Int32) {
        rawValue = UInt32(bitPattern: flag)
    }

    public static let read = OpenOptions(MSB_OPEN_READ)
    public static let write = OpenOptions(MSB_OPEN_WRITE)
    /// Make the file if there is none.
    public static let create = OpenOptions(MSB_OPEN_CREATE)
    /// With `create`: fail if there is something already.
    public static let exclusive = OpenOptions(MSB_OPEN_EXCLUSIVE)
    /// Throw away what the file holds.
    public static let truncate = OpenOptions(MSB_OPEN_TRUNCATE)
    /// Every write goes to the end of the file, as it is then.
    public static let append = OpenOptions(MSB_OPEN_APPEND)
}

/// How a whole file is written.
public enum WriteMode: Hashable, Sendable {
    /// In place of what the file held.
    case replace
    /// Other readers see the old file or the new one, never a part, whatever happens meanwhile.
    case atomic
    /// At the end of the file.
    case append

    var flags: UInt32 {
        switch self {
        case .replace: 0
        case .atomic: UInt32(bitPattern: MSB_WRITE_ATOMIC)
        case .append: UInt32(bitPattern: MSB_WRITE_APPEND)
        }
    }
}

func flag(_ flag: Int32, if condition: Bool) -> UInt32 {
    condition ? UInt32(bitPattern: flag) : 0
}

/// A time for `setTimes`; nil keeps what is there: `MSB_TIME_KEEP`, which is no literal and so not imported.
func fileTime(_ time: Duration?) -> Int64 {
    time.map(nanoseconds) ?? Int64.min
}
