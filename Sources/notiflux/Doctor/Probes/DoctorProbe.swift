import NIOCore
import NotifluxClient
import NotifluxProtocol

/// The shell under the checks: connects, asks, and hands over what it saw. Judges nothing.
struct DoctorProbe: Sendable {
  let plan: DoctorPlan
  let eventLoop: any EventLoop
  let connector: Connector

  init(plan: DoctorPlan, eventLoop: any EventLoop, trust: CertificateTrust = .full) {
    self.plan = plan
    self.eventLoop = eventLoop
    connector = Connector(
      endpoint: plan.endpoint, eventLoop: eventLoop, configuration: plan.configuration, trust: trust)
  }

  // MARK: What is needed to get anywhere

  func reach() async -> ReachCheck {
    let addresses: [SocketAddress]
    do { addresses = try await plan.endpoint.addresses() } catch {
      return ReachCheck(endpoint: plan.endpoint, addresses: .failure(error))
    }
    let tried = await withTaskGroup(of: (Int, ReachCheck.Address).self) { group in
      for (index, address) in addresses.enumerated() {
        group.addTask {
          let connector = Connector(
            endpoint: plan.endpoint, eventLoop: eventLoop, configuration: plan.configuration, address: address)
          let result = await outcome { () throws(ClientError) in try await connector.tryOut() }
          return (index, ReachCheck.Address(text: address.ipAddress ?? "\(address)", result: result))
        }
      }
      return await group.reduce(into: []) { $0.append($1) }
    }
    return ReachCheck(endpoint: plan.endpoint, addresses: .success(tried.sorted { $0.0 < $1.0 }.map(\.1)))
  }

  /// Several handshakes, side by side: a proxy that is out of connections ends some of them.
  func certificate() async -> CertificateCheck {
    let handshakes = await withTaskGroup(of: TLSHandshake.self) { group in
      for _ in 0..<CertificateCheck.attempts {
        group.addTask { await connector.shakeHands(within: plan.timeout) }
      }
      return await group.reduce(into: []) { $0.append($1) }
    }
    return CertificateCheck(endpoint: plan.endpoint, handshakes: handshakes, now: Timestamp.now())
  }

  func health() async -> (HealthCheck, ClockCheck.Stamp?) {
    do throws(ClientError) {
      let probe = try await HTTPProbe.connect(connector)
      defer { probe.close() }
      let before = Timestamp.now()
      let health = try await probe.ask(HTTPQuestion("GET", "/health"), within: plan.timeout)
      let stamp = health.head.first("date").flatMap { HTTPDate.seconds($0) }.map {
        ClockCheck.Stamp(date: $0, ours: before + health.took.inSeconds / 2, roundTrip: health.took)
      }
      let ready = await outcome { () throws(ClientError) in
        try await probe.ask(HTTPQuestion("GET", "/ready"), within: plan.timeout)
      }
      return (HealthCheck(endpoint: plan.endpoint, health: .success(health), ready: ready), stamp)
    } catch {
      return (HealthCheck(endpoint: plan.endpoint, health: .failure(error)), nil)
    }
  }

  // MARK: Single requests

  func clock(_ stamp: ClockCheck.Stamp?) async -> ClockCheck {
    guard let expired = plan.expired else { return ClockCheck(stamp: stamp) }
    let judgement = await outcome { () throws(ClientError) in
      let probe = try await HTTPProbe.connect(connector)
      defer { probe.close() }
      // Made only now, it gets older on its way to the judge alone.
      return try await probe.ask(publish("", token: try? expired()), within: plan.timeout)
    }
    return ClockCheck(stamp: stamp, judgement: judgement)
  }

  func requests() async -> RequestCheck {
    async let bearer = ask(withBearer)
    async let large = ask(tooLargeForSome)
    return await RequestCheck(bearer: bearer, large: large)
  }

  private var withBearer: HTTPQuestion {
    var question = publish("", token: nil)
    question.fields.append(("Authorization", "Bearer doctor"))
    return question
  }

  private var tooLargeForSome: HTTPQuestion {
    var question = publish("", token: nil)
    question.body = Array(#"{"topic":"","message":""#.utf8)
    question.body += [UInt8](repeating: UInt8(ascii: "x"), count: RequestCheck.largeBody - question.body.count - 2)
    question.body += Array(#""}"#.utf8)
    return question
  }

  func origin() async -> OriginCheck {
    async let stranger = handshake(from: OriginCheck.strangeOrigin)
    async let page = page()
    return await OriginCheck(endpoint: plan.endpoint, page: page, stranger: stranger)
  }

  private func page() async -> OriginCheck.Page? {
    guard let origin = plan.origin else { return nil }
    let from = [(name: "Origin", value: origin)]
    let preflight = HTTPQuestion(
      "OPTIONS", "/broadcast",
      from + [
        ("Access-Control-Request-Method", "POST"),
        ("Access-Control-Request-Headers", "authorization,content-type"),
      ])
    async let handshake = handshake(from: origin)
    async let toPreflight = ask(preflight)
    async let toEvents = ask(HTTPQuestion("GET", "/events", from))
    return await OriginCheck.Page(origin: origin, handshake: handshake, preflight: toPreflight, events: toEvents)
  }

  private func handshake(from origin: String) async -> OriginCheck.Handshake {
    var configuration = plan.configuration
    configuration.handshakeFields = [("Origin", origin)]
    let start = ContinuousClock.now
    do {
      let link = try await WebSocketLink.connect(connector, configuration: configuration)
      link.close()
      return .success(WebSocketCheck.Opened(speaksEnvelopes: link.mode == .envelope, took: ContinuousClock.now - start))
    } catch {
      return .failure(error.error)
    }
  }

  /// A publish to the topic of this run.
  func publish(_ message: String, token: String?) -> HTTPQuestion {
    let body = BroadcastRequest(topics: [plan.topic], message: message, token: token).json
    return HTTPQuestion("POST", "/broadcast", [("Content-Type", "application/json")], body: body)
  }

  /// One question on a connection of its own.
  func ask(_ question: HTTPQuestion) async -> Result<HTTPReply, ClientError> {
    await outcome { () throws(ClientError) in
      let probe = try await HTTPProbe.connect(connector)
      defer { probe.close() }
      return try await probe.ask(question, within: plan.timeout)
    }
  }
}
