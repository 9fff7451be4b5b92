import NotifluxProtocol

/// Every metric there is, by the naming rules of Prometheus: base units, `_total` for counters. No label takes a value
/// that a client could choose, so their number is known beforehand, and each is there from the start.
extension Figures {
  var metrics: [UInt8] {
    var text = MetricsText()
    addServer(to: &text)
    addConnections(to: &text)
    addMessages(to: &text)
    addHistory(to: &text)
    addRefusals(to: &text)
    addProcess(to: &text)
    return text.bytes
  }

  private func addServer(to text: inout MetricsText) {
    text.gauge(
      "notiflux_build_info", "Always 1; the version is in the label.", samples: [.init(["version": version], 1)])
    text.gauge("notiflux_ready", "1 while the server wants traffic, 0 while it drains.", isReady ? 1 : 0)
    text.gauge("notiflux_workers", "Event loops.", loopCount)
    text.counter(
      "notiflux_reloads_total", "Reloads of keys, certificates and revocations, by whether they were good.",
      samples: [.init(["result": "taken"], reloads.taken), .init(["result": "refused"], reloads.refused)])
    if let certificateEnd {
      text.gauge("notiflux_tls_certificate_end_seconds", "When the certificate expires, since 1970.", certificateEnd)
    }
  }

  private func addConnections(to text: inout MetricsText) {
    text.gauge(
      "notiflux_connections", "Open connections: WebSockets, streams of events, and those that speak HTTP.",
      samples: [
        .init(["protocol": "websocket"], webSockets), .init(["protocol": "events"], eventStreams),
        .init(["protocol": "http"], httpConnections),
      ])
    text.gauge("notiflux_connections_limit", "The most connections there may be.", connectionLimit)
    text.counter("notiflux_connections_accepted_total", "Connections let in.", loops.counters.connectionsAccepted)
    text.counter(
      "notiflux_connections_closed_total", "Connections the server closed for a reason, by cause.",
      samples: CloseCause.allCases.map { .init(["cause": $0.rawValue], loops.counters.connectionsClosed[$0]) })
    text.gauge("notiflux_subscriptions", "Topics held by connections, each once a connection.", loops.subscriptions)
    text.gauge("notiflux_topics", "Topics with a subscriber.", topics)
    text.counter("notiflux_received_bytes_total", "Bytes read from clients, inside TLS.", loops.traffic.received)
    text.counter("notiflux_sent_bytes_total", "Bytes sent to clients, inside TLS.", loops.traffic.sent)
    text.counter(
      "notiflux_http_responses_total", "Answers to HTTP requests, by route and status; 101 is a WebSocket.",
      samples: answers)
  }

  private var answers: [MetricsText.Sample] {
    loops.counters.answers
      .map { (route: $0.key.route.map { "\($0.path)" } ?? "none", status: $0.key.status.rawValue, count: $0.value) }
      .sorted { ($0.route, $0.status) < ($1.route, $1.status) }
      .map { .init(["route": $0.route, "status": "\($0.status)"], $0.count) }
  }

  private func addMessages(to text: inout MetricsText) {
    text.counter("notiflux_messages_published_total", "Messages accepted, each once a topic.", hub.messages)
    text.counter("notiflux_published_bytes_total", "Bytes of the texts of accepted messages.", hub.bytes)
    text.counter(
      "notiflux_messages_delivered_total", "Messages handed to live subscribers, each once a subscriber.",
      loops.delivered)
    text.counter(
      "notiflux_messages_replayed_total", "Messages sent out of the history.", loops.counters.messagesReplayed)
    text.counter("notiflux_resumes_total", "Subscribes with a place to go on from.", loops.counters.resumes)
    text.counter(
      "notiflux_gaps_total", "Gaps told to those who came back: too late, or to another log, as after a restart.",
      samples: GapCause.allCases.map { .init(["cause": $0.rawValue], loops.counters.gaps[$0]) })
    text.histogram(
      "notiflux_publish_duration_seconds", "From a publish that has been read to its answer at the socket.",
      loops.counters.publishLatency)
    text.histogram(
      "notiflux_delivery_duration_seconds",
      "From a message that is accepted to its subscribers' sockets, once for each event loop that has any.",
      loops.counters.deliveryLatency)
  }

  private func addHistory(to text: inout MetricsText) {
    text.gauge("notiflux_history_messages", "Messages retained.", hub.retainedMessages)
    text.gauge("notiflux_history_bytes", "Bytes they count, with what keeping them costs.", hub.retainedBytes)
    text.gauge("notiflux_history_topics", "Topics with a retained message.", hub.retainedTopics)
    text.counter(
      "notiflux_history_evictions_total", "Retained messages let go, by the limit that asked for it.",
      samples: [
        .init(["limit": "history_size"], hub.evictions.count), .init(["limit": "history_ttl"], hub.evictions.age),
        .init(["limit": "history_memory"], hub.evictions.bytes),
      ])
    text.gauge("notiflux_idempotency_keys", "Ids of messages that are remembered.", hub.idempotencyKeys)
  }

  private func addRefusals(to text: inout MetricsText) {
    text.counter(
      "notiflux_publishes_refused_total", "Publishes refused, by error code.",
      samples: ErrorCode.allCases.map { .init(["code": $0.rawValue], loops.counters.publishesRefused[$0]) })
    text.counter(
      "notiflux_subscribes_refused_total", "Subscribes refused, by error code.",
      samples: ErrorCode.allCases.map { .init(["code": $0.rawValue], loops.counters.subscribesRefused[$0]) })
    text.counter(
      "notiflux_limits_reached_total", "How often somebody ran into a limit, by the option that sets it.",
      samples: ReachedLimit.allCases.map { .init(["limit": $0.rawValue], loops.counters.limitsReached[$0]) })
    text.gauge(
      "notiflux_request_memory_bytes", "Bytes that requests hold which are not published yet.", requestMemory)
    text.gauge("notiflux_remembered_tokens", "Tokens whose signatures need not be checked again.", rememberedTokens)
  }

  /// As all Prometheus clients have them.
  private func addProcess(to text: inout MetricsText) {
    text.counter("process_cpu_seconds_total", "User and system CPU time.", process.cpuSeconds)
    text.gauge("process_resident_memory_bytes", "Resident memory.", process.residentBytes)
    text.gauge("process_virtual_memory_bytes", "Virtual memory.", process.virtualBytes)
    text.gauge("process_open_fds", "Open file descriptors.", process.openDescriptors)
    text.gauge("process_max_fds", "The most file descriptors there may be.", process.maximumDescriptors)
    text.gauge("process_threads", "Threads.", process.threads)
    text.gauge("process_start_time_seconds", "When the process began, since 1970.", process.startTime)
  }
}
