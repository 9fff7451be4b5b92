import NotifluxProtocol

/// A server as a whole, for who operates it: asks all its event loops, each in a turn of its own, when somebody wants to
/// know. Any thread.
final class Overview: Sendable {
  private let workers: [LoopBound<Worker>]
  private let services: Services
  private let census: TopicCensus
  private let version: String
  private let tls: TLSContextBox?

  init(
    workers: [LoopBound<Worker>], services: Services, census: TopicCensus, version: String, tls: TLSContextBox?
  ) {
    self.workers = workers
    self.tls = tls
    self.services = services
    self.census = census
    self.version = version
  }

  func figures() async -> Figures {
    var loops = Figures.Loop.zero
    for worker in workers { await loops.add(worker.loop.run { worker.value.figures } ?? .zero) }
    let census = services.forms.counts
    let events = census[.serverSentEvents, default: 0] + census[.ndjson, default: 0]
    let subscribers = census.values.reduce(0, +)
    return Figures(
      version: version, loops: loops, loopCount: workers.count,
      httpConnections: max(0, services.connections.value - subscribers), webSockets: subscribers - events,
      eventStreams: events, connectionLimit: services.connections.limit, topics: self.census.count,
      hub: services.hub.figures, requestMemory: services.requestMemory.value,
      rememberedTokens: services.authorizer.cachedTokens, isReady: !services.readiness.isDraining,
      reloads: services.reloads.counts, certificateEnd: tls?.certificateEnd, process: .now())
  }

  /// A topic and how busy it is.
  struct BusyTopic: Sendable {
    let topic: Topic
    /// Messages a second of late, half of which came in the last minute.
    let rate: Double
    /// By how much `rate` may be too high: the topic took the place of another one, whose count it has.
    let uncertainty: Double
    var subscribers: Int
  }

  /// The busiest topics that have messages, the busiest first.
  func busiestTopics(limit: Int) async -> [BusyTopic] {
    let watched = await watchedTopics().sorted { $0.weight > $1.weight }.prefix(limit)
    return await withSubscribers(watched.map { ($0.topic, $0) })
  }

  /// These topics, in the order given.
  func topics(named topics: [Topic]) async -> [BusyTopic] {
    let watched = await watchedTopics()
    return await withSubscribers(topics.map { topic in (topic, watched.first { $0.topic == topic }) })
  }

  /// All that any loop watches: one does so for all.
  private func watchedTopics() async -> [TopicSketch.Entry] {
    var entries: [TopicSketch.Entry] = []
    for worker in workers {
      entries += await worker.loop.run { worker.value.hub.busyTopics(now: SystemClock.uptime()) } ?? []
    }
    return entries
  }

  private func withSubscribers(_ topics: [(topic: Topic, entry: TopicSketch.Entry?)]) async -> [BusyTopic] {
    var busy = topics.map { topic, entry in
      BusyTopic(
        topic: topic, rate: (entry?.weight ?? 0) / TopicSketch.weightOfRate,
        uncertainty: (entry?.error ?? 0) / TopicSketch.weightOfRate, subscribers: 0)
    }
    let names = topics.map(\.topic)
    for worker in workers {
      let counts = await worker.loop.run { names.map { worker.value.hub.table.members(of: $0).count } }
      for (index, count) in (counts ?? []).enumerated() { busy[index].subscribers += count }
    }
    return busy
  }
}

extension Worker {
  fileprivate var figures: Figures.Loop {
    Figures.Loop(
      counters: counters, traffic: loop.traffic, delivered: hub.handedOut, subscriptions: hub.table.subscriptionCount)
  }
}
