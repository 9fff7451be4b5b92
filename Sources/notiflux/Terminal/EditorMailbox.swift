import Glibc

/// What other threads hand to the thread that runs a `LineEditor`: text to print, a new prompt, the wish to stop.
///
/// Text keeps its order. More than `capacity` bytes of it make `post` wait for the terminal, so that a flood of messages
/// pushes back on its source instead of growing here. While no thread has the mailbox open, text is written straight to
/// the descriptor it was made with.
final class EditorMailbox: @unchecked Sendable {  // its mutex guards every variable
  /// What there was when the editor looked.
  struct Contents: Equatable {
    /// All that is to be printed, in order.
    var text = ""
    /// The prompt that holds now.
    var prompt: String
    var mustStop = false
  }

  private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
  private let hasRoom = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
  private let wakeUp: (read: Int32, write: Int32)
  private let outlet: Int32
  private let capacity: Int
  private var contents: Contents
  private var isWoken = false
  private var owner: pthread_t?

  /// Nil if the process has no descriptors left.
  init?(prompt: String, outlet: Int32 = StandardStream.output.rawValue, capacity: Int = 1 << 20) {
    guard let wakeUp = makePipe() else { return nil }
    contents = Contents(prompt: prompt)
    self.wakeUp = wakeUp
    self.outlet = outlet
    self.capacity = capacity
    pthread_mutex_init(mutex, nil)
    pthread_cond_init(hasRoom, nil)
  }

  deinit {
    close(wakeUp.read)
    close(wakeUp.write)
    pthread_cond_destroy(hasRoom)
    pthread_mutex_destroy(mutex)
    hasRoom.deallocate()
    mutex.deallocate()
  }

  /// Readable when there is something to take.
  var descriptor: Int32 { wakeUp.read }

  /// Adds text, with a line feed if it does not end with one. Waits while there is no room, unless the thread that has
  /// the mailbox open is the one that posts.
  func post(_ text: String) {
    withLock {
      while let owner, contents.text.utf8.count >= capacity, pthread_equal(owner, pthread_self()) == 0 {
        pthread_cond_wait(hasRoom, mutex)
      }
      contents.text += text
      if text.utf8.last != 0x0A { contents.text += "\n" }
      if owner == nil { writeOut() } else { wake() }
    }
  }

  func post(prompt: String) {
    withLock {
      contents.prompt = prompt
      wake()
    }
  }

  func postStop() {
    withLock {
      contents.mustStop = true
      wake()
    }
  }

  /// From now on the calling thread takes what is posted.
  func open() { withLock { owner = pthread_self() } }

  /// Empties the mailbox of all but the prompt, and lets those who wait for room go on.
  func take() -> Contents {
    withLock {
      isWoken = false
      _ = takeBytes(from: wakeUp.read)
      defer { contents = Contents(prompt: contents.prompt) }
      pthread_cond_broadcast(hasRoom)
      return contents
    }
  }

  /// Writes out what is left. Nothing posted later waits or is kept.
  func close() {
    withLock {
      owner = nil
      writeOut()
      pthread_cond_broadcast(hasRoom)
    }
  }

  private func writeOut() {
    _ = contents.text.withUTF8 { writeFully(UnsafeRawBufferPointer($0), to: outlet) }
    contents.text = ""
  }

  private func wake() {
    guard !isWoken else { return }
    isWoken = true
    var byte: UInt8 = 0
    _ = write(wakeUp.write, &byte, 1)
  }

  private func withLock<Result>(_ body: () -> Result) -> Result {
    pthread_mutex_lock(mutex)
    defer { pthread_mutex_unlock(mutex) }
    return body()
  }

  private func close(_ descriptor: Int32) { _ = Glibc.close(descriptor) }
}
