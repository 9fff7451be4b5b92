import Glibc
import Testing

@testable import notiflux

@Suite("The parts of the line editor that need no terminal")
struct LineEditorPartsTests {
  @Test("completion gives what all candidates begin with, and each candidate once in byte order")
  func completion() throws {
    let commands = ["/unsubscribe-all", "/subscribe", "/unsubscribe", "/publish", "/unsubscribe"]
    let matches = try #require(CompletionMatches(of: commands, for: "/un"))
    #expect(matches.commonPrefix == "/unsubscribe")
    #expect(matches.candidates == ["/unsubscribe", "/unsubscribe-all"])
    #expect(CompletionMatches(of: commands, for: "/p")?.commonPrefix == "/publish")
    #expect(CompletionMatches(of: commands, for: "/x") == nil)
    #expect(CompletionMatches(of: [], for: "") == nil)
  }

  @Test("completion never splits a character and compares bytes")
  func completionInUnicode() {
    #expect(CompletionMatches(of: ["aé", "aè"], for: "a")?.commonPrefix == "a")
    #expect(CompletionMatches(of: ["e\u{301}t\u{e9}"], for: "\u{e9}") == nil)
  }

  @Test("completion leaves out what is not one word or would drive the terminal")
  func completionOfStrangers() {
    #expect(CompletionMatches(of: ["two words", "esc\u{1B}[2J", "line\nfeed"], for: "") == nil)
  }

  @Test("colour sequences of a prompt are marked as taking no room, other controls are shown")
  func prompt() {
    let marked = Prompt.marked("\u{1B}[1;32mname\u{1B}[0m> ")
    #expect(marked == "\u{01}\u{1B}[1;32m\u{02}name\u{01}\u{1B}[0m\u{02}> ")
    #expect(Prompt.visible(in: marked) == "name> ")
    #expect(Prompt.marked("\u{1B}[2Ja\nb\u{01}") == "\\x1b[2Ja\\x0ab\\x01")
    #expect(Prompt.marked("plain> ") == "plain> ")
    #expect(Prompt.marked("\u{1B}") == "\\x1b")
    #expect(Prompt.marked("\u{1B}[1;") == "\\x1b[1;")
  }

  @Test("output posted by many threads is taken whole, in each one's order, and waits for room")
  func mailbox() async throws {
    let mailbox = try #require(EditorMailbox(prompt: "> ", capacity: 100))
    let count = 500
    // The owner must not wait on itself, so it is a thread of its own: this task.
    mailbox.open()
    let posters = (0..<4).map { poster in
      ThreadHandle { for number in 0..<count { mailbox.post("\(poster) \(number)") } }
    }
    var lines: [Substring] = []
    while lines.count < 4 * count {
      var waiting = pollfd(fd: mailbox.descriptor, events: Int16(POLLIN), revents: 0)
      poll(&waiting, 1, -1)
      let text = mailbox.take().text
      #expect(text.utf8.count < 100 + 20)
      lines += text.split(separator: "\n")
    }
    for poster in posters { poster.join() }
    for poster in 0..<4 {
      let own = lines.filter { $0.hasPrefix("\(poster) ") }
      #expect(own.map(String.init) == (0..<count).map { "\(poster) \($0)" })
    }
  }

  @Test("without an owner, output is written straight through; what is left at closing is written too")
  func mailboxWithoutOwner() throws {
    let ends = try #require(makePipe())
    let mailbox = try #require(EditorMailbox(prompt: "> ", outlet: ends.write))
    mailbox.post("before")
    #expect(takeBytes(from: ends.read) == Array("before\n".utf8))
    mailbox.open()
    mailbox.post("kept\n")
    #expect(takeBytes(from: ends.read) == [])
    mailbox.close()
    mailbox.post("after")
    #expect(takeBytes(from: ends.read) == Array("kept\nafter\n".utf8))
    close(ends.read)
    close(ends.write)
  }

  @Test("a prompt and the wish to stop are handed over, the prompt for good")
  func mailboxWishes() throws {
    let mailbox = try #require(EditorMailbox(prompt: "> "))
    mailbox.post(prompt: "new> ")
    mailbox.postStop()
    #expect(mailbox.take() == .init(prompt: "new> ", mustStop: true))
    #expect(mailbox.take() == .init(prompt: "new> "))
  }

  @Test("signals come out of the pipe in order, and their old handling returns with its end")
  func signalPipe() throws {
    do {
      let signals = try #require(SignalPipe([SIGUSR1, SIGUSR2]))
      #expect(SignalPipe([SIGUSR1]) == nil)
      raise(SIGUSR1)
      raise(SIGUSR2)
      raise(SIGUSR1)
      #expect(signals.take() == [SIGUSR1, SIGUSR2, SIGUSR1])
      #expect(signals.take() == [])
    }
    var action = sigaction()
    sigaction(SIGUSR1, nil, &action)
    #expect(action.__sigaction_handler.sa_handler == nil)
  }
}

/// A thread to be joined; tasks would share the test's own.
private final class ThreadHandle {
  private var thread = pthread_t()

  init(_ body: @escaping @Sendable () -> Void) {
    final class Box {
      let body: @Sendable () -> Void; init(_ body: @escaping @Sendable () -> Void) { self.body = body }
    }
    pthread_create(
      &thread, nil,
      { context in
        if let context { Unmanaged<Box>.fromOpaque(context).takeRetainedValue().body() }
        return nil
      }, Unmanaged.passRetained(Box(body)).toOpaque())
  }

  func join() { pthread_join(thread, nil) }
}
