import NotifluxClient

/// What the server shows for itself, and who would believe it.
struct CertificateCheck: Sendable {
  let endpoint: Endpoint
  /// What any server gets to show; fails where there is no TLS at all.
  let shown: Result<TLSFacts, ClientError>
  /// How a client judges it: `nil` is trust.
  var distrust: ClientError?
  /// The same, whoever it was issued for.
  var distrustOfAuthority: ClientError?
  /// Seconds since 1970.
  let now: Double

  /// Whether later checks can only go on if they look away.
  var isTrusted: Bool { distrust == nil }
  var hasTLS: Bool { if case .success = shown { true } else { false } }

  /// With fewer days left than this, a renewal has been missed: those who renew by themselves do it at 30.
  static let fewDays = 14

  var findings: [Finding] {
    let facts: TLSFacts
    do { facts = try shown.get() } catch {
      return [
        .problem(
          .certificate, "\(error)", why: "browsers cannot connect",
          Remedy(
            "serve TLS on port \(endpoint.port), or give the URL with http:// if it is meant to be plain",
            in: .server, nginx: ["listen \(endpoint.port) ssl;"]))
      ]
    }
    let trust = trust(facts)
    var findings = trust.map { [$0] } ?? []
    if !isTrusted { findings.append(.skipped(.certificate, "from here on the certificate is not checked")) }
    if facts.version == "TLS 1.0" || facts.version == "TLS 1.1" { findings.append(old(facts)) }
    if findings.isEmpty {
      findings = [.ok(.certificate, "\(facts.version), \(names(facts)), good for \(Int(daysLeft(facts))) days")]
    }
    return findings
  }

  private func trust(_ facts: TLSFacts) -> Finding? {
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
    if let distrust { return distrusted(facts, distrust) }
    guard daysLeft(facts) < Double(Self.fewDays) else { return nil }
    return .warning(
      .certificate, "the certificate ends at \(until), in \(Int(daysLeft(facts))) days",
      why: "whoever renews it by itself should have done so by now; after that day nobody can connect", renew)
  }

  private func distrusted(_ facts: TLSFacts, _ distrust: ClientError) -> Finding {
    if distrustOfAuthority == nil {
      return .problem(
        .certificate, "the certificate is for \(names(facts)), not for \(endpoint.host)",
        why: "browsers and clients refuse to connect",
        Remedy("give the URL with a name that the certificate has, or get one that has \(endpoint.host) in it"))
    }
    return .problem(
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
