package mail

import (
	"bytes"
	"fmt"
	"io"
	"mime"
	"mime/quotedprintable"
	"net/mail"
	"strings"
)

// Decoded is a message as a mail reader shows it.
type Decoded struct {
	Header  mail.Header
	To      []string // Addresses alone.
	Subject string
	Lines   []string
}

// Decode reads a message of plain text as a mail reader does.
func Decode(text []byte) (Decoded, error) {
	m, err := mail.ReadMessage(bytes.NewReader(text))
	if err != nil {
		return Decoded{}, fmt.Errorf("reading a mail: %w", err)
	}
	d := Decoded{Header: m.Header}
	addressed, err := m.Header.AddressList("To")
	if err != nil {
		return d, fmt.Errorf("reading whom a mail is for: %w", err)
	}
	for _, a := range addressed {
		d.To = append(d.To, a.Address)
	}
	if d.Subject, err = new(mime.WordDecoder).DecodeHeader(m.Header.Get("Subject")); err != nil {
		return d, fmt.Errorf("reading the subject of a mail: %w", err)
	}
	if encoding := m.Header.Get("Content-Transfer-Encoding"); encoding != "quoted-printable" {
		return d, fmt.Errorf("reading a mail: its encoding is %q", encoding)
	}
	body, err := io.ReadAll(quotedprintable.NewReader(m.Body))
	if err != nil {
		return d, fmt.Errorf("reading the text of a mail: %w", err)
	}
	d.Lines = strings.Split(strings.ReplaceAll(string(body), "\r\n", "\n"), "\n")
	return d, nil
}
