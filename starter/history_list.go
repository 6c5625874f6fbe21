package starter

import (
	"context"
	"strconv"
	"time"

	"fermata/activities/record"
)

// listRecords lists what is recorded of all.
func (s *session) listRecords(ctx context.Context) error {
	out, err := s.client.Records(ctx, record.FindInput{}, s.c.Bool("verify"))
	if err != nil {
		return err
	}
	if out.Entries == nil {
		out.Entries = []record.Entry{} // A list without records is [], not null.
	}
	if done, err := s.screen.document(out); err != nil {
		return err
	} else if !done {
		if err := s.tellRecords(out.Entries); err != nil {
			return err
		}
	}
	if err := s.export(out.Entries); err != nil {
		return err
	}
	return s.chain(out)
}

func (s *session) tellRecords(entries []record.Entry) error {
	if len(entries) == 0 {
		s.screen.printf("no records\n")
		return nil
	}
	var rows [][]string
	for _, e := range entries {
		r, err := recordOf(e)
		if err != nil {
			return err
		}
		rows = append(rows, []string{
			strconv.Itoa(e.Sequence), line(string(r.Owner)), line(r.Kind), line(r.Outcome), line(r.Requester),
			r.Ended.Local().Format(time.DateTime), line(r.Run),
		})
	}
	return s.screen.table([]string{"NO", "OWNER", "KIND", "OUTCOME", "BY", "ENDED", "RUN"}, rows, "BY", "ENDED", "KIND")
}
