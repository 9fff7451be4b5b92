import Glibc
import Logging
import NIOCore
import NotifluxProtocol

/// A time in which no connection can be accepted, for want of descriptors or memory: the log is told of its begin and
/// its end, not of each attempt. Confined to the listener's loop.
final class AcceptShortage {
  /// The error numbers of accept(2) that say so.
  static let errors: Set<Int32> = [EMFILE, ENFILE, ENOBUFS, ENOMEM]

  private let logger: Logger
  private var isOn = false

  init(logger: Logger) { self.logger = logger }

  /// `code` is the error number accept(2) failed with.
  func begin(_ code: Int32) {
    guard !isOn else { return }
    isOn = true
    logger.warning(
      "no connection can be accepted until others leave",
      metadata: [LogKey.reason: "\(String(cString: strerror(code)))"])
  }

  /// Nobody waits to be accepted any more.
  func end() {
    guard isOn else { return }
    isOn = false
    logger.info("connections are accepted again")
  }
}

@available(*, unavailable)
extension AcceptShortage: Sendable {}

/// Has a channel that accepts rest for a second where it cannot. NIO's `AcceptBackoffHandler` would not do: a failed
/// accept leaves the channel registered for reading, and its loop would turn without a pause.
final class AcceptShortageHandler: ChannelInboundHandler {
  typealias InboundIn = any Channel

  private let shortage: AcceptShortage

  init(logger: Logger) { shortage = AcceptShortage(logger: logger) }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    shortage.end()
    context.fireChannelRead(data)
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    guard let error = error as? IOError, AcceptShortage.errors.contains(error.errnoCode) else {
      return context.fireErrorCaught(error)
    }
    shortage.begin(error.errnoCode)
    let channel = context.channel
    try? channel.syncOptions?.setOption(.autoRead, value: false)
    context.eventLoop.assumeIsolated().scheduleTask(in: .seconds(1)) {
      try? channel.syncOptions?.setOption(.autoRead, value: true)
    }
  }
}

@available(*, unavailable)
extension AcceptShortageHandler: Sendable {}
