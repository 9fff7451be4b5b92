import Logging
import NIOCore

/// The socket of a TLS connection: the last handler of its channel. Confined to the channel's loop.
///
/// What is written and is not much goes to the channel at once. The rest waits as it is, shared with all others who wait
/// for the same, and is encrypted piece by piece as the socket takes it, in turn with the loop's other sockets.
final class ChannelTransport: ChannelInboundHandler, Transport, BacklogSender {
  typealias InboundIn = ByteBuffer

  var connection: Connection?
  var client: ClientAddress
  /// Takes the connection that is to speak first; called once the channel is ready.
  private let begin: (ChannelTransport) -> Void
  private let logger: Logger
  private let loop: ChannelLoop
  /// `nil` once closed.
  private var context: ChannelHandlerContext?
  private var isPaused = false
  /// Nothing may be written any more.
  private var isFinishing = false
  /// The end of the stream has gone to the channel.
  private var hasEnded = false
  /// What waits to be encrypted; only while there is any.
  private var backlog: Backlog?
  /// Bytes the channel has that were not flushed.
  private var unflushedBytes = 0
  /// In the loop's queue: more of the backlog may be encrypted.
  private var isQueued = false
  /// The connection is to be told when it may write again.
  private var isCrowded = false
  /// What came in while reading was paused: decrypted already, so it cannot be left in the socket.
  private var unread = ByteBuffer()

  init(client: ClientAddress, loop: ChannelLoop, logger: Logger, begin: @escaping (ChannelTransport) -> Void) {
    self.client = client
    self.loop = loop
    self.logger = logger
    self.begin = begin
  }

  // MARK: Channel

  func handlerAdded(context: ChannelHandlerContext) {
    self.context = context
    begin(self)
  }

  func channelInactive(context: ChannelHandlerContext) { disconnect() }

  func handlerRemoved(context: ChannelHandlerContext) { disconnect() }

  private func disconnect() {
    context = nil
    backlog = nil
    let last = connection
    connection = nil
    last?.transportClosed()
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    let bytes = unwrapInboundIn(data)
    loop.received(bytes.readableBytes)
    guard !isPaused else { return _ = unread.writeImmutableBuffer(bytes) }
    bytes.withUnsafeReadableBytes { connection?.received($0) }
  }

  func channelReadComplete(context: ChannelHandlerContext) { flush() }

  func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
    if case .inputClosed? = event as? ChannelEvent { connection?.inputEnded() }
    context.fireUserInboundEventTriggered(event)
  }

  func channelWritabilityChanged(context: ChannelHandlerContext) {
    guard context.channel.isWritable else { return isCrowded = true }
    if backlog != nil { return enqueue() }
    // The connection may be in the middle of something.
    loop.executeIsolated { self.outputLeft() }
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    logger.debug("connection failed", metadata: [LogKey.reason: "\(error)"])
    context.close(promise: nil)
  }

  // MARK: Output

  func write(_ bytes: ByteBuffer) {
    guard !isFinishing, let context, bytes.readableBytes > 0 else { return }
    if let backlog { return backlog.append(bytes) }
    guard context.channel.isWritable, unflushedBytes + bytes.readableBytes <= Outbox.pieceLimit else {
      backlog = Backlog(bytes)
      isCrowded = true
      if context.channel.isWritable { enqueue() }
      return
    }
    hand(bytes, to: context)
  }

  private func hand(_ bytes: ByteBuffer, to context: ChannelHandlerContext) {
    unflushedBytes += bytes.readableBytes
    loop.sent(bytes.readableBytes)
    context.write(NIOAny(bytes), promise: nil)
  }

  func flush() {
    guard unflushedBytes > 0 else { return }
    unflushedBytes = 0
    context?.flush()
  }

  func flushNow() {
    flush()
    guard isQueued else { return }
    encrypt(upTo: .max)
    loop.executeIsolated { self.outputLeft() }
  }

  /// What is encrypted already counts as that.
  var unsentBytes: Int {
    let encrypted = (try? context?.channel.syncOptions?.getOption(.bufferedWritableBytes)) ?? 0
    return encrypted + unflushedBytes + (backlog?.byteCount ?? 0)
  }

  var isWritable: Bool { backlog == nil && context?.channel.isWritable == true }

  private func enqueue() {
    guard !isQueued else { return }
    isQueued = true
    loop.append(self)
  }

  func sendBacklog(upTo limit: Int) -> Int {
    isQueued = false
    let count = encrypt(upTo: limit)
    if backlog != nil, context?.channel.isWritable == true { enqueue() }
    outputLeft()
    return count
  }

  /// Has the channel encrypt and send what waits, as long as the socket takes it. Tells nobody: ``outputLeft()`` does.
  @discardableResult
  private func encrypt(upTo limit: Int) -> Int {
    var sum = 0
    flush()
    while sum < limit, let context, context.channel.isWritable, let backlog {
      let bytes = backlog.removeFirst(upTo: min(limit - sum, Outbox.pieceLimit))
      if backlog.isEmpty { self.backlog = nil }
      sum += bytes.readableBytes
      hand(bytes, to: context)
      flush()
    }
    return sum
  }

  /// To be called after some output has left, when everything is in order again.
  private func outputLeft() {
    guard backlog == nil else { return }
    if isFinishing { return endOutput() }
    guard isCrowded, isWritable else { return }
    isCrowded = false
    connection?.becameWritable()
  }

  private func endOutput() {
    guard !hasEnded else { return }
    hasEnded = true
    context?.close(mode: .output, promise: nil)
  }

  // MARK: Input

  func pauseReading() {
    isPaused = true
    try? context?.channel.syncOptions?.setOption(.autoRead, value: false)
  }

  func resumeReading() {
    guard isPaused, let context else { return }
    isPaused = false
    // The caller may be in the middle of something.
    context.eventLoop.assumeIsolated().execute {
      guard !self.isPaused else { return }
      var bytes = ByteBuffer()
      swap(&bytes, &self.unread)
      bytes.withUnsafeReadableBytes { if $0.count > 0 { self.connection?.received($0) } }
      if !self.isPaused { try? self.context?.channel.syncOptions?.setOption(.autoRead, value: true) }
    }
  }

  // MARK: End

  func finishOutput() {
    guard !isFinishing else { return }
    isFinishing = true
    flush()
    if backlog == nil { endOutput() }
  }

  func close() {
    guard let context else { return }
    flush()
    if isQueued { encrypt(upTo: .max) }
    disconnect()
    context.close(promise: nil)
  }
}

@available(*, unavailable)
extension ChannelTransport: Sendable {}
