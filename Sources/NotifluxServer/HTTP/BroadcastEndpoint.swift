import NotifluxProtocol

/// `POST /broadcast`: publishes one message to one or several topics. A body of lines is a ``BatchRun`` instead.
enum BroadcastEndpoint {
  /// `connection` is told when it is published, or refused.
  static func respond(to head: RequestHead, body: UnsafeRawBufferPointer, for connection: HTTPConnection) {
    let worker = connection.worker
    if head.content == .json, publishAgain(body, bearerToken: head.bearer, by: connection, worker: worker) { return }
    connection.began = worker.loop.turnTime
    do throws(Refusal) {
      try check(head)
      try answer(read(body, worker: worker), of: head, for: connection)
    } catch {
      refuse(error, connection)
    }
  }

  /// The same for a body that takes a while to read, of which all bytes are counted in the memory of requests.
  static func respond(to head: RequestHead, large body: [UInt8], for connection: HTTPConnection) {
    let worker = connection.worker
    connection.began = worker.loop.turnTime
    let share = RequestMemory.Share(body.count, of: worker.services.requestMemory)
    do throws(Refusal) {
      try check(head)
      try checkOpen(worker)
    } catch {
      return refuse(error, connection)
    }
    worker.services.largeMessages.read(body, on: worker.loop) { outcome in
      switch outcome {
      case .success(let broadcast): answer(broadcast, holding: share, of: head, for: connection)
      case .failure(let refusal): refuse(refusal, connection)
      }
    }
  }

  private static func check(_ head: RequestHead) throws(Refusal) {
    guard head.content == .json else {
      throw Refusal(
        .unsupportedMediaType,
        "the body must be JSON; send Content-Type: application/json, or application/x-ndjson for many")
    }
  }

  private static func answer(
    _ broadcast: BroadcastRequest, holding share: RequestMemory.Share? = nil, of head: RequestHead,
    for connection: HTTPConnection
  ) {
    let worker = connection.worker
    authorization(of: broadcast, bearerToken: head.bearerToken, for: connection).settle(on: worker.loop) { verdict in
      switch verdict {
      case .success: publish(broadcast, holding: share, by: connection, worker: worker)
      case .failure(let refusal): refuse(refusal, connection)
      }
    }
  }

  private static func refuse(_ refusal: Refusal, _ connection: HTTPConnection) {
    connection.worker.refused(.publish, refusal, of: connection)
    connection.reply(.refusal(refusal))
  }

  // MARK: The steps of one publish

  /// Publishes at once what is plain and has been granted before, which is nearly everything; returns whether it did.
  static func publishAgain(
    _ json: UnsafeRawBufferPointer, bearerToken: ArraySlice<UInt8>?, by publisher: any Publishing, worker: Worker
  ) -> Bool {
    guard !worker.isDraining, let plain = PlainBroadcast(json) else { return false }
    let topic =
      if let token = plain.token {
        grantedTopic(of: plain, token, worker)
      } else {
        bearerToken?.withUnsafeBytes { grantedTopic(of: plain, $0, worker) } ?? nil as Topic?
      }
    guard let topic, let text = plain.text else { return false }
    worker.services.hub.publish(text, to: topic, by: publisher, on: worker.loop)
    return true
  }

  private static func grantedTopic(
    of plain: PlainBroadcast, _ token: UnsafeRawBufferPointer, _ worker: Worker
  ) -> Topic? {
    worker.grants.topic(plain.topic, openedBy: token) { worker.services.authorizer.confirms($0) }
  }

  static func read(_ json: UnsafeRawBufferPointer, worker: Worker) throws(Refusal) -> BroadcastRequest {
    try checkOpen(worker)
    return try BroadcastRequest(json: json)
  }

  static func checkOpen(_ worker: Worker) throws(Refusal) {
    guard !worker.isDraining else {
      throw Refusal(.draining, "the server is shutting down; publish again in a second")
    }
  }

  /// Whether `broadcast` may be published, as far as that is known at once.
  static func authorization(
    of broadcast: BroadcastRequest, bearerToken: @autoclosure () -> String?, for connection: Connection
  ) -> Authorization {
    let worker = connection.worker
    var grant: Grant?
    let authorization = worker.services.authorizer.authorize(
      broadcast.token ?? bearerToken(), scope: .broadcast, topics: broadcast.topics, by: connection, granting: &grant)
    if let grant { worker.grants.insert(grant) }
    return authorization
  }

  /// `share` is held until it is published, which takes later tasks of the loop for a long text. `done` is called then.
  static func publish(
    _ broadcast: BroadcastRequest, holding share: RequestMemory.Share?, by publisher: any Publishing, worker: Worker,
    _ done: @escaping () -> Void = {}
  ) {
    let isLarge = broadcast.message.utf8.count > Limits.largeMessage
    let forms = isLarge ? worker.services.forms.present : []
    guard !forms.isEmpty else {
      worker.services.hub
        .publish(broadcast.message, to: broadcast.topics, id: broadcast.id, by: publisher, on: worker.loop)
      return done()
    }
    worker.services.largeMessages.encode(broadcast.message, for: forms, on: worker.loop) { prepared in
      worker.services.hub.publish(
        broadcast.message, prepared: prepared, to: broadcast.topics, id: broadcast.id, by: publisher, on: worker.loop)
      withExtendedLifetime(share, done)
    }
  }
}
