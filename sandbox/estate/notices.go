package estate

import (
	"context"

	"fermata/sandbox/estate/hooks"
	"fermata/sandbox/estate/mail"
)

// MailUser logs in to the mail server, and sends as MailFrom.
const (
	MailUser = "fermata"
	MailFrom = "fermata@estate.test"
)

func (e *Estate) startMail(context.Context) error {
	if e.o.MailPassword == "" {
		return nil
	}
	folder, err := e.folder(Mail)
	if err != nil {
		return err
	}
	e.Mail, err = mail.Start(mail.Options{
		Folder: folder, Listen: e.listen(e.o.MailPort), Users: map[string]string{MailUser: e.o.MailPassword},
		Senders: map[string]string{MailUser: MailFrom}, Mailboxes: e.o.Mailboxes, Faults: e.o.Faults[Mail],
	})
	if err != nil {
		return err
	}
	e.onClose(e.Mail.Close)
	return nil
}

func (e *Estate) startHooks(context.Context) error {
	if e.o.HooksSecret == "" {
		return nil
	}
	folder, err := e.folder(Hooks)
	if err != nil {
		return err
	}
	e.Hooks, err = hooks.Start(hooks.Options{
		Folder: folder, Listen: e.listen(e.o.HooksPort), Secrets: []string{e.o.HooksSecret}, Faults: e.o.Faults[Hooks],
	})
	if err != nil {
		return err
	}
	e.onClose(e.Hooks.Close)
	return nil
}
