// The process's one completion queue: tokens stand for waiting continuations, and one dispatch source on the queue's
// descriptor resumes them. However many operations wait, no thread does.
// Every accepted operation gets exactly one completion, so every continuation is resumed exactly once.
import CMsb
import Dispatch
import Synchronization

final class CompletionQueue: Sendable {
    typealias Continuation = UnsafeContinuation<MsbError?, Never>

    private static let made = Mutex<CompletionQueue?>(nil)
    /// The most completions that are taken from the library in one call.
    private static let batch = 64

    let handle: msb_queue
    private let waiting = Mutex(Waiting())
    /// Set once, before anybody else has this object.
    private nonisolated(unsafe) var source: (any DispatchSourceRead)?

    private struct Waiting {
        var nextToken: UInt64 = 1
        var continuations: [UInt64: Continuation] = [:]
    }

    /// The queue of this process, made at the first call and kept until the process ends.
    /// Wraps `msb_queue_new` and `msb_queue_fd`.
    static func shared() throws(MsbError) -> CompletionQueue {
        try made.withLock { made throws(MsbError) in
            if let queue = made { return queue }
            let queue = try CompletionQueue()
            made = queue
            return queue
        }
    }

    private init() throws(MsbError) {
        handle = try output(msb_queue()) { out, error in msb_queue_new(out, error) }
        var fd: Int32 = -1
        do {
            let handle = handle
            fd = try output(fd) { out, error in msb_queue_fd(handle, out, error) }
        } catch {
            var handle = handle
            msb_queue_release(&handle)
            throw error
        }
        let source = DispatchSource.makeReadSource(fileDescriptor: fd, queue: DispatchQueue(label: "msb.completions"))
        source.setEventHandler { [weak self] in self?.resumeWaiters() }
        self.source = source
        source.activate()
    }

    deinit {
        source?.cancel()
        var handle = handle
        msb_queue_release(&handle)
    }

    /// Puts a continuation aside and gives its token.
    func add(_ continuation: Continuation) -> UInt64 {
        waiting.withLock { waiting in
            let token = waiting.nextToken
            waiting.nextToken += 1
            waiting.continuations[token] = continuation
            return token
        }
    }

    /// Gives the continuation back for a token that no completion will come for.
    func remove(_ token: UInt64) -> Continuation? {
        waiting.withLock { $0.continuations.removeValue(forKey: token) }
    }

    /// The descriptor is readable for as long as something can be taken, so nothing is lost by leaving early.
    private func resumeWaiters() {
        var completions = [msb_completion](repeating: msb_completion(), count: Self.batch)
        while true {
            var count = 0
            guard msb_queue_next(handle, &completions, Self.batch, 0, &count, nil) == MSB_OK else { return }
            for completion in completions[..<count] {
                remove(completion.token)?.resume(returning: nil)
            }
        }
    }
}
