import CLinux
import Glibc
import NIOConcurrencyHelpers
import Synchronization

/// Something a ``Reactor`` watches a descriptor for. Confined to its loop.
class EventSource {
  /// `events` are epoll's (epoll_ctl(2)).
  func ready(_ events: UInt32) {}
}

/// An event loop of ours for plain sockets: one thread, one epoll instance, one receive buffer. Each turn handles what
/// arrived, then runs what was put off, then offers everything that was written to the kernel together.
///
/// `@unchecked Sendable`: what is not marked as for any thread belongs to the loop's own thread.
final class Reactor: WorkerLoop, @unchecked Sendable {
  /// Bytes read from a socket at once, at the most.
  static let receiveCapacity = 64 * 1024
  private static let eventCapacity = 1024
  /// Reads of one turn by all sockets together, beyond one each time a socket has its turn: some 0.1 ms.
  private static let furtherReadsPerTurn = 4
  /// Tasks that are spread, of up to 100 µs each, run in one turn.
  private static let spreadPerTurn = 4
  /// Tasks that wait to be spread: who comes last waits for 8 turns.
  private static let spreadCapacity = 32

  // What epoll's events carry in place of a source: no source is at these addresses.
  private static let wakeUpTag: UInt64 = 0
  private static let timerTag: UInt64 = 1

  // In a struct a closure stands as it is: an array of closures would wrap each into another one.
  private struct Task {
    let run: () -> Void
  }

  private struct PostedTask: Sendable {
    let run: @Sendable () -> Void
  }

  private struct Inbox {
    var tasks: ContiguousArray<PostedTask> = []
    var isClosed = false
    var awaitingEnd: [CheckedContinuation<Void, Never>] = []
  }

  private let inbox = NIOLockedValueBox(Inbox())
  private let thread = Atomic<UInt>(0)
  private let epoll: Int32
  private let wakeUp: Int32
  /// A descriptor, not a time-out of epoll_wait: the kernel sets no timer each time the loop goes to sleep.
  private let timer: Int32

  /// Lent to whoever reads from a socket, for that read only.
  let receiveBuffer = UnsafeMutableRawBufferPointer.allocate(byteCount: receiveCapacity, alignment: 64)
  private var furtherReads = furtherReadsPerTurn
  /// Where sockets put what they write, until the end of the turn.
  let outbox = Outbox()
  /// Those that have written more than their socket took at once.
  let backlogs = BacklogQueue<SocketTransport>()
  private var putOff: ContiguousArray<Task> = []
  /// Those of the turn that ends; empty at other times.
  private var running: ContiguousArray<Task> = []
  private var spreading = Ring<Task>()
  /// Watched sources; those that are closed are let go at the end of the turn, since events for them may be at hand.
  private var retired: ContiguousArray<Unmanaged<EventSource>> = []
  private var isRunning = true
  /// Ticks that are due and not done: more than one where a turn took longer than their interval.
  private var dueTicks: UInt64 = 0
  private var onTick: () -> Void = {}
  private var onTurnEnd: () -> Void = {}
  /// 0: not asked for in this turn yet.
  private var timeOfTurn = 0.0
  private var receivedBytes = 0
  private var afterTick: [() -> Void] = []

  /// Starts the thread. `allowsRing`: whether output may go through io_uring where the kernel grants it.
  init(name: String, allowsRing: Bool) throws(SystemFailure) {
    epoll = try SystemFailure.check("epoll_create1", notiflux_epoll_open())
    wakeUp = try SystemFailure.check("eventfd", notiflux_eventfd_open())
    timer = try SystemFailure.check("timerfd_create", notiflux_timer_open())
    for (descriptor, tag) in [(wakeUp, Self.wakeUpTag), (timer, Self.timerTag)] {
      _ = try SystemFailure.check("epoll_ctl", notiflux_epoll_add(epoll, descriptor, NOTIFLUX_EPOLLIN, tag))
    }
    try start(name: name)
    if allowsRing { execute { self.outbox.openRing() } }
  }

  private func start(name: String) throws(SystemFailure) {
    var id = pthread_t()
    let context = Unmanaged.passRetained(self).toOpaque()
    let result = pthread_create(
      &id, nil,
      { context in
        guard let context else { return nil }
        Unmanaged<Reactor>.fromOpaque(context).takeRetainedValue().turn()
        return nil
      }, context)
    guard result == 0 else {
      Unmanaged<Reactor>.fromOpaque(context).release()
      throw SystemFailure(call: "pthread_create", code: result)
    }
    notiflux_name_thread(id, name)
    pthread_detach(id)
  }

  deinit {
    close(epoll)
    close(wakeUp)
    close(timer)
    receiveBuffer.deallocate()
  }

  // MARK: Any thread

  var isCurrent: Bool { thread.load(ordering: .relaxed) == UInt(pthread_self()) }

  func execute(_ task: @escaping @Sendable () -> Void) {
    if isCurrent { putOff.append(Task(run: task)) } else { _ = post(task) }
  }

  func run<Result: Sendable>(_ body: @escaping @Sendable () -> Result) async -> Result? {
    await withCheckedContinuation { continuation in
      if !post({ continuation.resume(returning: body()) }) { continuation.resume(returning: nil) }
    }
  }

  /// Returns whether the loop will run it.
  private func post(_ task: @escaping @Sendable () -> Void) -> Bool {
    let waiting = inbox.withLockedValue { inbox -> Int? in
      guard !inbox.isClosed else { return nil }
      inbox.tasks.append(PostedTask(run: task))
      return inbox.tasks.count
    }
    if waiting == 1 { notiflux_eventfd_signal(wakeUp) }
    return waiting != nil
  }

  /// Returns when the thread has come to its end. Sockets are to be closed before.
  func stop() async {
    await withCheckedContinuation { (continuation: CheckedContinuation<Void, Never>) in
      let hasEnded = inbox.withLockedValue { inbox in
        if !inbox.isClosed { inbox.awaitingEnd.append(continuation) }
        return inbox.isClosed
      }
      if hasEnded { continuation.resume() } else { execute { self.isRunning = false } }
    }
  }

  // MARK: On the loop

  /// Whether a socket that has read once may do so again in this turn, before others have theirs; that is one read then.
  func mayReadOn() -> Bool {
    guard furtherReads > 0 else { return false }
    furtherReads -= 1
    return true
  }

  /// One look at the clock a turn, and none in turns that do not care.
  var turnTime: Double {
    if timeOfTurn == 0 { timeOfTurn = SystemClock.uptime() }
    return timeOfTurn
  }

  func onTurnEnd(_ body: @escaping () -> Void) { onTurnEnd = body }

  var traffic: Traffic { Traffic(received: receivedBytes, sent: outbox.sentBytes) }

  func received(_ count: Int) { receivedBytes += count }

  func executeIsolated(_ task: @escaping () -> Void) { putOff.append(Task(run: task)) }

  func startTicking(every interval: Duration, _ body: @escaping () -> Void) {
    let (seconds, attoseconds) = interval.components
    notiflux_timer_set(timer, seconds * 1_000_000_000 + attoseconds / 1_000_000_000)
    onTick = body
  }

  func stopTicking() {
    notiflux_timer_set(timer, 0)
    dueTicks = 0
  }

  func spread(_ task: @escaping () -> Void) -> Bool {
    guard spreading.count < Self.spreadCapacity else { return false }
    spreading.append(Task(run: task))
    return true
  }

  /// Puts `task` off until the loop has ticked again.
  func afterNextTick(_ task: @escaping () -> Void) { afterTick.append(task) }

  /// Has `source` told of what happens to `descriptor`; keeps it alive until it is retired.
  func watch(_ source: EventSource, descriptor: Int32, events: UInt32) throws(SystemFailure) {
    let context = Unmanaged.passRetained(source)
    let result = notiflux_epoll_add(epoll, descriptor, events, UInt64(UInt(bitPattern: context.toOpaque())))
    guard result < 0 else { return }
    context.release()
    throw SystemFailure(call: "epoll_ctl", code: -result)
  }

  /// Watches for other events from now on; 0 for none.
  func watch(_ source: EventSource, descriptor: Int32, insteadFor events: UInt32) {
    let context = Unmanaged.passUnretained(source).toOpaque()
    _ = notiflux_epoll_change(epoll, descriptor, events, UInt64(UInt(bitPattern: context)))
  }

  /// Closes a watched descriptor and lets its source go. Events that were fetched for it already still reach it.
  func retire(_ source: EventSource, descriptor: Int32) {
    _ = notiflux_epoll_remove(epoll, descriptor)
    close(descriptor)
    retired.append(Unmanaged.passUnretained(source))
  }

  private func turn() {
    thread.store(UInt(pthread_self()), ordering: .relaxed)
    let events = UnsafeMutableBufferPointer<epoll_event>.allocate(capacity: Self.eventCapacity)
    events.initialize(repeating: epoll_event())
    defer { events.deallocate() }
    while isRunning {
      let count = notiflux_epoll_wait(epoll, events.baseAddress, Int32(Self.eventCapacity), isIdle ? -1 : 0)
      for index in 0..<max(0, Int(count)) { dispatch(&events[index]) }
      endTurn()
    }
    end()
  }

  /// Nothing is left to be done before something arrives.
  private var isIdle: Bool { putOff.isEmpty && spreading.isEmpty && backlogs.isEmpty && dueTicks == 0 }

  private func dispatch(_ event: inout epoll_event) {
    let data = notiflux_event_data(&event)
    if data == Self.wakeUpTag { return takeInbox() }
    if data == Self.timerTag { return dueTicks += notiflux_timer_take(timer) }
    guard let source = UnsafeRawPointer(bitPattern: UInt(data)) else { return }
    Unmanaged<EventSource>.fromOpaque(source)._withUnsafeGuaranteedRef { $0.ready(event.events) }
  }

  private func takeInbox() {
    notiflux_eventfd_clear(wakeUp)
    var tasks: ContiguousArray<PostedTask> = []
    inbox.withLockedValue { swap(&$0.tasks, &tasks) }
    for task in tasks { putOff.append(Task(run: task.run)) }
  }

  private func endTurn() {
    for _ in 0..<Self.spreadPerTurn where !spreading.isEmpty { spreading.removeFirst()?.run() }
    // What these put off in their turn has to wait for the next one: sockets go before.
    swap(&running, &putOff)
    for index in running.indices { running[index].run() }
    running.clear()
    if dueTicks > 0 {
      dueTicks -= 1
      onTick()
      for task in afterTick { putOff.append(Task(run: task)) }
      afterTick = []
    }
    outbox.send()
    if !backlogs.isEmpty {
      backlogs.send()
      outbox.send()  // Who has room again may have written.
    }
    onTurnEnd()
    timeOfTurn = 0
    for source in retired { source.release() }
    retired.clear()
    furtherReads = Self.furtherReadsPerTurn
  }

  private func end() {
    inbox.withLockedValue { $0.isClosed = true }
    takeInbox()
    endTurn()
    onTick = {}
    onTurnEnd = {}
    afterTick = []
    spreading = Ring()
    backlogs.removeAll()
    let awaiting = inbox.withLockedValue { $0.awaitingEnd }
    for continuation in awaiting { continuation.resume() }
  }
}
