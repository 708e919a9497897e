// A command's streams. Output is read when it is asked for and not before: the library holds at most 1 MiB of each
// channel, then the command waits. Nothing is read ahead, so a reader that is cancelled or leaves loses nothing.
import CMsb

/// Output of a command, in chunks of bytes as they come: `for try await chunk in exec.stdout`.
///
/// There is one stream behind it: two readers share what comes.
public struct ExecOutput: AsyncSequence, Sendable {
    public typealias Element = [UInt8]
    public typealias Failure = MsbError

    /// The most bytes of a chunk.
    static let chunkSize = 1 << 16
    /// The most bytes of a chunk that was waited for: few, because its result is copied once more than what is there at
    /// once, and by the time the reader has woken up there is more.
    static let waitSize = 1 << 12

    let exec: Exec
    let channel: Exec.Channel

    public func makeAsyncIterator() -> Iterator {
        Iterator(exec: exec, channel: channel)
    }

    /// The output as lines of text.
    public var lines: ExecLines { ExecLines(output: self) }

    /// Everything up to the end of the output, if that is at most so many bytes; throws `resourceExhausted` if there is
    /// more.
    public func collect(upTo limit: Int) async throws(MsbError) -> [UInt8] {
        var collected: [UInt8] = []
        var iterator = makeAsyncIterator()
        while let chunk = try await iterator.next() {
            guard collected.count + chunk.count <= limit else {
                throw MsbError(
                    .resourceExhausted, "exec.output_too_large",
                    "the command wrote more than \(limit) bytes; read it in chunks, or allow more")
            }
            collected += chunk
        }
        return collected
    }

    public struct Iterator: AsyncIteratorProtocol {
        let exec: Exec
        let channel: Exec.Channel
        private var isOver = false
        /// Where output is read to, so that a chunk takes no more memory than it holds.
        private var buffer: [UInt8] = []

        init(exec: Exec, channel: Exec.Channel) {
            self.exec = exec
            self.channel = channel
        }

        /// The next bytes; nil after the end. Takes what is there at once (`msb_exec_read`), and otherwise waits for it
        /// without a thread (`msb_exec_read_async`).
        public mutating func next(isolation actor: isolated (any Actor)?) async throws(MsbError) -> [UInt8]? {
            if isOver { return nil }
            let chunk: [UInt8]
            do {
                chunk = if let ready = readyChunk() { ready } else { try await Self.nextChunk(of: exec, channel) }
            } catch {
                isOver = true
                throw error
            }
            isOver = chunk.isEmpty
            return isOver ? nil : chunk
        }

        public mutating func next() async throws(MsbError) -> [UInt8]? {
            try await next(isolation: nil)
        }

        /// Nil if there is nothing yet, and also if something is wrong: then waiting says what.
        private mutating func readyChunk() -> [UInt8]? {
            if buffer.isEmpty { buffer = [UInt8](repeating: 0, count: ExecOutput.chunkSize) }
            var count = 0
            let status = msb_exec_read(exec.handle, channel.rawValue, &buffer, buffer.count, 0, &count, nil)
            return status == MSB_OK ? Array(buffer[..<count]) : nil
        }

        private static func nextChunk(
            of exec: Exec, _ channel: Exec.Channel
        ) async throws(MsbError) -> [UInt8] {
            try await performForBytes { queue, token, operation, error in
                msb_exec_read_async(
                    exec.handle, channel.rawValue, ExecOutput.waitSize, -1, queue, token, operation, error)
            }
        }
    }
}

/// Output of a command as lines of text, without their ends: `for try await line in exec.stdout.lines`.
///
/// What is not UTF-8 is replaced. A line of more than 1 MiB comes in pieces, so that a command cannot fill the memory.
public struct ExecLines: AsyncSequence, Sendable {
    public typealias Element = String
    public typealias Failure = MsbError

    static let longestLine = 1 << 20

    let output: ExecOutput

    public func makeAsyncIterator() -> Iterator {
        Iterator(chunks: output.makeAsyncIterator())
    }

    public struct Iterator: AsyncIteratorProtocol {
        private static let newline = UInt8(ascii: "\n")
        private static let carriageReturn = UInt8(ascii: "\r")

        private var chunks: ExecOutput.Iterator
        private var chunk: ArraySlice<UInt8> = []
        private var line: [UInt8] = []

        init(chunks: ExecOutput.Iterator) {
            self.chunks = chunks
        }

        public mutating func next(isolation actor: isolated (any Actor)?) async throws(MsbError) -> String? {
            while true {
                if let end = chunk.firstIndex(of: Self.newline) {
                    line += chunk[..<end]
                    chunk = chunk[(end + 1)...]
                    if line.last == Self.carriageReturn { line.removeLast() }
                    return takeLine()
                }
                line += chunk
                chunk = []
                if line.count >= ExecLines.longestLine { return takeLine() }
                guard let next = try await chunks.next(isolation: actor) else {
                    return line.isEmpty ? nil : takeLine()
                }
                chunk = next[...]
            }
        }

        public mutating func next() async throws(MsbError) -> String? {
            try await next(isolation: nil)
        }

        private mutating func takeLine() -> String {
            defer { line = [] }
            return String(decoding: line, as: UTF8.self)
        }
    }
}

/// A command's standard input.
public struct ExecInput: Sendable {
    /// The library keeps a copy of what is being written: a piece at a time bounds that.
    private static let pieceSize = 1 << 20

    let exec: Exec

    /// Writes all of the data; returns when the sandbox has taken it. The timeout is for each MiB. A call that throws may
    /// have written a part. Wraps `msb_exec_write_async`.
    public func write(_ data: some Collection<UInt8> & Sendable, timeout: Duration? = nil) async throws(MsbError) {
        var rest = data[...]
        repeat {
            let piece = rest.prefix(Self.pieceSize)
            rest = rest.dropFirst(Self.pieceSize)
            _ = try await perform(UInt64(0), { handle, out, error in msb_op_take_count(handle, out, error) }) {
                queue, token, operation, error in
                withBytes(of: piece) { start, count in
                    msb_exec_write_async(
                        exec.handle, start, count, milliseconds(timeout), queue, token, operation, error)
                }
            }
        } while !rest.isEmpty
    }

    /// Writes a text as UTF-8.
    public func write(_ text: String, timeout: Duration? = nil) async throws(MsbError) {
        try await write(Array(text.utf8), timeout: timeout)
    }

    /// Ends the input: the command reads end of file after what was written. Closing it again does nothing.
    /// Wraps `msb_exec_close_stdin`.
    public func close() throws(MsbError) {
        try check { error in msb_exec_close_stdin(exec.handle, error) }
    }
}
