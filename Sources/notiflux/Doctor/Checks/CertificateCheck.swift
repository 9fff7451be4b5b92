import NotifluxClient

/// What the server shows for itself, and who would believe it.
struct CertificateCheck: Sendable {
  let endpoint: Endpoint
  /// As any client shakes hands, each on a connection of its own; in no order.
  let handshakes: [TLSHandshake]
  /// Seconds since 1970.
  let now: Double

  /// How often it is tried.
  static let attempts = 3
  /// With fewer days left than this, a renewal has been missed: those who renew by themselves do it at 30.
  static let fewDays = 14

  /// Whether later checks can go on without looking away.
  var isTrusted: Bool { judged?.judgement == .trusted }
  /// Whether there was a certificate to be seen.
  var hasTLS: Bool { judged != nil }

  /// Of several servers behind one address the worst counts.
  private var judged: (facts: TLSFacts, judgement: TLSHandshake.Judgement)? {
    let all = handshakes.compactMap { handshake -> (facts: TLSFacts, judgement: TLSHandshake.Judgement)? in
      if case .judged(let facts, let judgement) = handshake { (facts, judgement) } else { nil }
    }
    return all.first { $0.judgement != .trusted } ?? all.first
  }

  var findings: [Finding] { (judged.map { certificate($0.facts, $0.judgement) } ?? []) + ended + refused }

  // MARK: Without a certificate

  private var ended: [Finding] {
    let ways = handshakes.compactMap { if case .ended(let how) = $0 { how } else { nil } }
    guard let how = ways.first else { return [] }
    let all = ways.count == handshakes.count
    let some = "\(ways.count) of \(handshakes.count) connections \(ways.count == 1 ? "was" : "were")"
    return [
      .problem(
        .certificate, "\(all ? "the connection was" : some) ended during the TLS handshake (\(how))",
        why: all ? "browsers and clients cannot connect" : "browsers and clients that it befalls cannot connect",
        .endedHandshake(endpoint))
    ]
  }

  private var refused: [Finding] {
    if handshakes.contains(.noHTTP1) {
      return [
        .problem(
          .certificate, "the server refuses to speak HTTP/1.1 in the TLS handshake (ALPN)",
          why: "clients open WebSockets in HTTP/1.1 (RFC 6455 §4.1)",
          Remedy("have the proxy offer http/1.1 beside h2 (HAProxy: alpn h2,http/1.1)"))
      ]
    }
    let errors = handshakes.compactMap { if case .failed(let error) = $0 { error } else { nil } }
    return errors.prefix(1).map { error in
      .problem(
        .certificate, error.inWords, why: "browsers cannot connect",
        Remedy(
          "serve TLS 1.2 or 1.3 on port \(endpoint.port) for the name \(endpoint.host), or give the URL with http:// if it is "
            + "meant to be plain", in: .server, nginx: ["listen \(endpoint.port) ssl;"]))
    }
  }

  // MARK: With one

  private func certificate(_ facts: TLSFacts, _ judgement: TLSHandshake.Judgement) -> [Finding] {
    var findings = trust(facts, judgement).map { [$0] } ?? []
    if !isTrusted { findings.append(.skipped(.certificate, "from here on the certificate is not checked")) }
    if facts.version == "TLS 1.0" || facts.version == "TLS 1.1" { findings.append(old(facts)) }
    guard findings.isEmpty else { return findings }
    return [.ok(.certificate, "\(facts.version), \(names(facts)), good for \(Int(daysLeft(facts))) days")]
  }

  private func trust(_ facts: TLSFacts, _ judgement: TLSHandshake.Judgement) -> Finding? {
    let until = Timestamp.text(Double(facts.validUntil)) ?? "\(facts.validUntil)"
    let renew = Remedy(
      "renew it (certbot renew) and have the server read the new one: systemctl reload nginx; with "
        + "--tls-certificate systemctl reload notiflux")
    if Double(facts.validUntil) < now {
      return .problem(
        .certificate, "the certificate expired at \(until), \(Int(-daysLeft(facts))) days ago",
        why: "browsers and clients refuse to connect", renew)
    }
    if Double(facts.validFrom) > now {
      let from = Timestamp.text(Double(facts.validFrom)) ?? "\(facts.validFrom)"
      return .problem(
        .certificate, "the certificate is not valid before \(from)", why: "browsers and clients refuse to connect",
        Remedy("set the clock of this machine if it is wrong (timedatectl), else get a certificate that is valid now"))
    }
    switch judgement {
    case .wrongName: return misnamed(facts)
    case .unknownAuthority: return unknown(facts)
    case .trusted: break
    }
    guard daysLeft(facts) < Double(Self.fewDays) else { return nil }
    return .warning(
      .certificate, "the certificate ends at \(until), in \(Int(daysLeft(facts))) days",
      why: "whoever renews it by itself should have done so by now; after that day nobody can connect", renew)
  }

  private func misnamed(_ facts: TLSFacts) -> Finding {
    .problem(
      .certificate, "the certificate is for \(names(facts)), not for \(endpoint.host)",
      why: "browsers and clients refuse to connect",
      Remedy("give the URL with a name that the certificate has, or get one that has \(endpoint.host) in it"))
  }

  private func unknown(_ facts: TLSFacts) -> Finding {
    .problem(
      .certificate, "nobody known here vouches for the certificate (\(names(facts)))",
      why: "browsers refuse a certificate that is self-signed, from an authority of your own, or sent without its "
        + "intermediates",
      Remedy(
        "serve the whole chain, leaf first; if the authority is your own, give its certificate with --ca-file",
        in: .server, nginx: ["ssl_certificate /etc/letsencrypt/live/\(endpoint.host)/fullchain.pem;"]))
  }

  private func old(_ facts: TLSFacts) -> Finding {
    .warning(
      .certificate, "the connection is \(facts.version)", why: "browsers refuse what is older than TLS 1.2 (RFC 8996)",
      Remedy("allow TLS 1.2 and 1.3", in: .server, nginx: ["ssl_protocols TLSv1.2 TLSv1.3;"]))
  }

  private func daysLeft(_ facts: TLSFacts) -> Double { (Double(facts.validUntil) - now) / 86_400 }

  private func names(_ facts: TLSFacts) -> String {
    guard let first = facts.names.first else { return "no DNS name" }
    return facts.names.count == 1 ? first : "\(first) and \(facts.names.count - 1) more"
  }
}
