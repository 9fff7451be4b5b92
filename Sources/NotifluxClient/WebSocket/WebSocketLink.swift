import NIOCore
import NIOHTTP1
import NotifluxProtocol

/// One WebSocket connection to a server, from its handshake to its end. Has a single consumer of events.
package final class WebSocketLink: Sendable {
  /// Bytes of events that may wait for the consumer before the socket is no longer read.
  static let bufferLimit = 1024 * 1024

  /// What the server agreed to.
  package let mode: LinkMode
  private let connector: Connector
  private let channel: any Channel
  private let frames: NIOLoopBound<FrameHandler>
  private let buffer: EventBuffer

  private init(
    mode: LinkMode, connector: Connector, channel: any Channel, frames: NIOLoopBound<FrameHandler>,
    buffer: EventBuffer
  ) {
    self.mode = mode
    self.connector = connector
    self.channel = channel
    self.frames = frames
    self.buffer = buffer
  }

  /// A consumer that let go hears nothing more; the peer is told.
  deinit { close() }

  /// Connects and shakes hands. Cancelling the task fails at once with ``ClientError/cancelled``.
  package static func connect(
    _ connector: Connector, configuration: ClientConfiguration
  ) async throws(HandshakeFailure) -> WebSocketLink {
    guard !connector.isShutDown else { throw HandshakeFailure(error: .cancelled) }
    let promise = connector.eventLoop.makePromise(of: WebSocketLink.self)
    // Should the task be gone by the time it is there, the link goes too.
    open(connector, configuration: configuration).cascade(to: promise)
    do {
      return try await withTaskCancellationHandler {
        try await promise.futureResult.get()
      } onCancel: {
        promise.fail(HandshakeFailure(error: .cancelled))
      }
    } catch let failure as HandshakeFailure {
      throw failure
    } catch {
      throw HandshakeFailure(error: ClientError(error, at: connector.endpoint))
    }
  }

  /// What has arrived, waiting until something has. Empty after the last event, or when the task is cancelled.
  package func nextEvents() async -> [LinkEvent] {
    let (events, wasFull) = await buffer.nextBatch()
    if wasFull { channel.eventLoop.execute { [frames] in frames.value.resumeReading() } }
    return events
  }

  /// Returns when the text is with the kernel.
  package func send(_ text: String) async throws(ClientError) {
    guard !connector.isShutDown else { throw .cancelled }
    let promise = channel.eventLoop.makePromise(of: Void.self)
    channel.eventLoop.execute { [frames] in frames.value.send(text, promise: promise) }
    do { try await promise.futureResult.get() } catch { throw ClientError(error, at: connector.endpoint) }
  }

  /// Sends in order, without waiting. What cannot be sent because the connection has ended is dropped.
  func send(_ commands: [LinkCommand]) {
    guard !connector.isShutDown else { return }
    channel.eventLoop.execute { [frames] in
      for command in commands {
        switch command {
        case .text(let text): frames.value.send(text, promise: nil)
        case .ping(let number): frames.value.sendPing(number)
        }
      }
    }
  }

  /// Says good-bye (RFC 6455 §7.1.2) and lets the consumer go. Returns at once.
  package func close() {
    buffer.close()
    guard !connector.isShutDown else { return }
    channel.eventLoop.execute { [frames] in
      frames.value.resumeReading()  // Or the peer's close frame would never be seen.
      frames.value.close(.normal)
    }
  }

  private static func open(
    _ connector: Connector, configuration: ClientConfiguration
  ) -> EventLoopFuture<WebSocketLink> {
    connector.connect().flatMap { channel in
      let endpoint = connector.endpoint
      let result = channel.eventLoop.makePromise(of: LinkMode.self)
      let buffer = EventBuffer(limit: bufferLimit)
      let frames = FrameHandler(endpoint: endpoint, configuration: configuration, buffer: buffer)
      let handshake = HandshakeHandler(endpoint: endpoint, configuration: configuration, result: result)
      let upgrader = FrameUpgrader(
        offering: !configuration.prefersTextMode, handshake: handshake, frames: frames, result: result)
      do {
        try channel.pipeline.syncOperations.addHTTPClientHandlers(
          leftOverBytesStrategy: .forwardBytes,
          withClientUpgrade: (upgraders: [upgrader], completionHandler: { _ in }))
        try channel.pipeline.syncOperations.addHandler(handshake)
      } catch {
        result.fail(ClientError(error, at: endpoint))
        channel.close(promise: nil)
      }
      let bound = NIOLoopBound(frames, eventLoop: channel.eventLoop)
      return result.futureResult.map { mode in
        WebSocketLink(mode: mode, connector: connector, channel: channel, frames: bound, buffer: buffer)
      }
    }
  }
}

/// What a client says on a link.
enum LinkCommand: Sendable, Equatable {
  case text(String)
  /// Answered by ``LinkEvent/pong(_:)`` with the same number.
  case ping(UInt64)
}
