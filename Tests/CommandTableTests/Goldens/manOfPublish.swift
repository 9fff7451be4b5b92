// swift-format-ignore-file

extension Golden {
  static let manOfPublish = ##"""
.TH CHAT\-PUBLISH 1 "2026-11-23" "chat 1.2.3" "User Commands"
.SH NAME
chat\-publish \- send a message
.SH SYNOPSIS
\fBchat\fR \fBpublish\fR [\fIOPTIONS\fR] \fITOPIC\fR [\fIMESSAGE\fR]
.SH DESCRIPTION
Send a message.
.SH ARGUMENTS
.TP
\fITOPIC\fR
The topic.
.TP
[\fIMESSAGE\fR]
The message.
.SH OPTIONS
.TP
\fB\-\-token\fR \fITOKEN\fR
Show TOKEN.
.IP
Environment: CHAT_TOKEN.
.TP
\fB\-\-mint\fR \fIFILE\fR
Make a token with the key in FILE.
.TP
\fB\-\-timeout\fR \fITIME\fR
Give up after TIME.
.IP
Accepts a duration such as 500ms, 15s, 5m or 1h.
.TP
\fB\-q\fR, \fB\-\-quiet\fR
Say nothing.
.IP
Environment: CHAT_QUIET.
.TP
\fB\-j\fR, \fB\-\-json\fR
Write one JSON object a line.
.TP
\fB\-h\fR, \fB\-\-help\fR
Print help: \-h in short, \-\-help in full.
.TP
\fB\-V\fR, \fB\-\-version\fR
Print the version.
.SH EXIT STATUS
.TP
\fB0\fR
Done.
.TP
\fB1\fR
Failed.
.TP
\fB2\fR
Bad usage.
.SH ENVIRONMENT
.TP
\fBCHAT_TOKEN\fR
Stands in for \fB\-\-token\fR.
.TP
\fBCHAT_QUIET\fR
Stands in for \fB\-\-quiet\fR.
.TP
\fBNO_COLOR\fR
No colour, whatever it holds.
.TP
\fBCHAT_HOME\fR
Where it lives.
.SH EXAMPLES
Send what another program writes.
.PP
.RS 4
.EX
echo \(aqit\(aq\e\(aq\(aqs \ehere\(aq |
  chat publish news
.EE
.RE
.SH SEE ALSO
\fBchat\fR(1),
\fBchat\-serve\fR(1),
\fBchat\-token\fR(1),
\fBchat\-completion\fR(1)

"""##
}
