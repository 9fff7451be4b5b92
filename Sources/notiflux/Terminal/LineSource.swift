import Dispatch

/// The lines of standard input for tasks: reading blocks a thread of its own, not theirs.
final class LineSource: @unchecked Sendable {  // `reader` is touched on `queue` only.
  private let queue = DispatchQueue(label: "standard input")
  private var reader: LineReader

  /// `maximumLength` bounds a line in bytes.
  init(maximumLength: Int) { reader = LineReader(maximumLength: maximumLength) }

  /// The next line; `nil` at the end of the input. Cannot be cancelled while it waits.
  func next() async throws(StandardInputError) -> String? {
    let result = await withCheckedContinuation { continuation in
      queue.async {
        let result = Result { () throws(StandardInputError) -> String? in try self.reader.next() }
        continuation.resume(returning: result)
      }
    }
    return try result.get()
  }
}
