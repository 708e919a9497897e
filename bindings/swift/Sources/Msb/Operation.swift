// One operation of the library as an await: submit, wait for its completion without a thread, take its result.
// Cancelling the task cancels the operation and still waits for its completion: what had succeeded by then is returned,
// so that nothing is lost, and everything else throws MsbError with the status `cancelled`.
import CMsb
import Synchronization

/// What submits an operation: an `_async` function with everything but its last four arguments applied.
typealias Submission = (msb_queue, UInt64, UnsafeMutablePointer<msb_op>, ErrorSlot) -> msb_status

/// Submits an operation, waits, and takes its result.
func perform<Result>(
    _ empty: Result, _ take: (msb_op, UnsafeMutablePointer<Result>, ErrorSlot) -> msb_status,
    progress: ProgressHandler? = nil, _ submit: Submission
) async throws(MsbError) -> Result {
    let operation = Operation()
    try await operation.complete(on: try CompletionQueue.shared(), reportingTo: progress, submit)
    let handle = operation.end()
    defer {
        var handle = handle
        msb_op_release(&handle)
    }
    return try output(empty) { out, error in take(handle, out, error) }
}

/// The same for an operation without a result. Wraps `msb_op_finish`.
func perform(progress: ProgressHandler? = nil, _ submit: Submission) async throws(MsbError) {
    _ = try await perform((), { handle, _, error in msb_op_finish(handle, error) }, progress: progress, submit)
}

/// The same for an operation whose result is an object, which is turned into a value and freed.
func perform<Value>(
    _ free: (OpaquePointer?) -> Void, _ convert: (OpaquePointer) -> Value,
    _ take: (msb_op, UnsafeMutablePointer<OpaquePointer?>, ErrorSlot) -> msb_status,
    progress: ProgressHandler? = nil, _ submit: Submission
) async throws(MsbError) -> Value {
    let object = try await perform(OpaquePointer?.none, take, progress: progress, submit)
    defer { free(object) }
    return convert(try present(object))
}

/// The same for an operation whose result is bytes. Wraps `msb_op_take_bytes`.
func performForBytes(_ submit: Submission) async throws(MsbError) -> [UInt8] {
    try await perform(
        msb_bytes_free, bytes(_:), { handle, out, error in msb_op_take_bytes(handle, out, error) }, submit)
}

/// What is told how far a copy has come: now and then while it goes on, and once more when it is done.
public typealias ProgressHandler = @Sendable (FileProgress) -> Void

/// How often a progress handler is called.
private let progressInterval = Duration.milliseconds(100)

private final class Operation: Sendable {
    private enum State {
        case new, cancelled
        case accepted(msb_op)
        case ended
    }

    private let state = Mutex(State.new)

    /// Returns when the operation has ended, however it did; throws if it was not accepted.
    func complete(
        on queue: CompletionQueue, reportingTo progress: ProgressHandler?, _ submit: Submission
    ) async throws(MsbError) {
        let reporter = progress.map { progress in Task { await report(to: progress) } }
        let refusal = await withTaskCancellationHandler {
            await withUnsafeContinuation { continuation in
                start(on: queue, continuation, submit)
            }
        } onCancel: {
            cancel()
        }
        reporter?.cancel()
        await reporter?.value
        if let refusal { throw refusal }
    }

    /// The lock is held while the operation is submitted, so that a cancellation comes before or after, and whoever
    /// waited finds the handle.
    private func start(on queue: CompletionQueue, _ continuation: CompletionQueue.Continuation, _ submit: Submission) {
        let token = queue.add(continuation)
        var error: OpaquePointer?
        let status: msb_status = state.withLock { state in
            if case .cancelled = state { return MSB_ERR_CANCELLED }
            var handle = msb_op()
            let status = submit(queue.handle, token, &handle, &error)
            if status == MSB_OK { state = .accepted(handle) }
            return status
        }
        guard status != MSB_OK else { return }
        let refusal =
            if let error { MsbError(taking: error, status: status) } else { MsbError.cancelledBeforehand }
        queue.remove(token)?.resume(returning: refusal)
    }

    /// Wraps `msb_op_cancel`.
    private func cancel() {
        state.withLock { state in
            switch state {
            case .new: state = .cancelled
            case .accepted(let handle): _ = msb_op_cancel(handle, nil)
            case .cancelled, .ended: break
            }
        }
    }

    /// The handle, which is the caller's from now on: nobody cancels any more.
    func end() -> msb_op {
        state.withLock { state in
            guard case .accepted(let handle) = state else { return msb_op() }
            state = .ended
            return handle
        }
    }

    /// Wraps `msb_op_progress`.
    private func report(to progress: ProgressHandler) async {
        while (try? await Task.sleep(for: progressInterval)) != nil {
            var record = msb_progress()
            let known = state.withLock { state in
                guard case .accepted(let handle) = state else { return false }
                return msb_op_progress(handle, &record, nil) == MSB_OK
            }
            if known { progress(FileProgress(bytes: record.bytes_done, entries: record.items_done)) }
        }
    }
}

extension MsbError {
    static let cancelledBeforehand = MsbError(
        .cancelled, "task.cancelled", "the task was cancelled before the call began, and nothing was done")
}
