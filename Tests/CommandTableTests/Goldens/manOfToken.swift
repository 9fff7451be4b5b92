// swift-format-ignore-file

extension Golden {
  static let manOfToken = ##"""
.TH CHAT\-TOKEN 1 "2026-11-23" "chat 1.2.3" "User Commands"
.SH NAME
chat\-token \- make and inspect tokens
.SH SYNOPSIS
\fBchat\fR \fBtoken\fR \fBsubscribe\fR [\fIOPTIONS\fR] \fB\-\-key\fR \fIFILE\fR \fITOPIC\fR...
.br
\fBchat\fR \fBtoken\fR \fBinspect\fR [\fIOPTIONS\fR] [\fITOKEN\fR]
.SH DESCRIPTION
A token is good for a while.
.SH COMMANDS
.SS "chat token subscribe"
Make a token to listen with.
.TP
\fITOPIC\fR...
The topics it is good for.
.IP
A topic holds no blank.
.TP
\fB\-k\fR, \fB\-\-key\fR \fIFILE\fR
Sign with the private key in FILE.
.IP
Required.
Environment: CHAT_KEY.
.TP
\fB\-t\fR, \fB\-\-ttl\fR \fITIME\fR
Let the token live for TIME.
.IP
Accepts a duration such as 500ms, 15s, 5m or 1h.
Default: 60s.
.TP
\fB\-\-subject\fR \fINAME\fR
Name the bearer.
.SS "chat token inspect"
Show what a token says.
.TP
[\fITOKEN\fR]
The token; \- or nothing reads standard input.
.TP
\fB\-k\fR, \fB\-\-public\-key\fR \fIFILE\fR
Trust the public key in FILE.
.IP
May be repeated.
Environment: KEY_FILES (several parted by colons).
.SH OPTIONS
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
\fBCHAT_KEY\fR
Stands in for \fB\-\-key\fR.
.TP
\fBKEY_FILES\fR
Stands in for \fB\-\-public\-key\fR.
.TP
\fBNO_COLOR\fR
No colour, whatever it holds.
.TP
\fBCHAT_HOME\fR
Where it lives.
.SH EXAMPLES
A token for one topic.
.PP
.RS 4
.EX
chat token subscribe \-\-key k.pem news
.EE
.RE
.SH SEE ALSO
\fBchat\fR(1),
\fBchat\-serve\fR(1),
\fBchat\-publish\fR(1),
\fBchat\-completion\fR(1)

"""##
}
