import NotifluxProtocol

/// Verdicts on their way back to the loops that wait for them: one task for each loop, however many they are.
struct TokenAnswers {
  typealias Answer = (applicant: TokenApplicant, result: TokenVerdict)

  private var loops: [(loop: any WorkerLoop, answers: [Answer])] = []
  /// How many wait to be sent.
  private(set) var count = 0

  var isEmpty: Bool { count == 0 }

  mutating func add(_ answer: Answer) {
    count += 1
    let loop = answer.applicant.loop
    if let index = loops.firstIndex(where: { $0.loop === loop }) {
      loops[index].answers.append(answer)
    } else {
      loops.append((loop, [answer]))
    }
  }

  mutating func send() {
    for (loop, answers) in loops {
      loop.execute { for answer in answers { answer.applicant.answer(answer.result) } }
    }
    loops = []
    count = 0
  }
}
