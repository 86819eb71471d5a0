package restore

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strconv"

	"keepsake/internal/memory"
	"keepsake/internal/record"
	"keepsake/internal/store"
)

const intentsFile = "intents.jsonl"

// intentLine is a line of intents.jsonl: a row that is about to be added, or that
// all which is said of the section before it has been decided.
type intentLine struct {
	Section memory.Section `json:"section"`
	ID      string         `json:"id,omitempty"`
	Digest  string         `json:"digest,omitempty"` // hex
	Had     int64          `json:"had,omitempty"`
	Settled bool           `json:"settled,omitempty"`
}

// intend writes down which rows are about to be added, and returns when that is on
// disk. What was reported until now goes to the system with it, so that a killed
// process takes none of it along.
func (j *journal) intend(s *SectionReceipt, rows []store.Intended) error {
	for _, row := range rows {
		j.line = appendIntent(j.line[:0], s.Section, row)
		if err := j.intents.append(j.line); err != nil {
			return err
		}
	}
	s.intended += int64(len(rows))
	if err := j.records.flush(); err != nil {
		return err
	}
	return j.intents.sync()
}

// appendIntent appends what json.Marshal would make of an intentLine: a batch costs no
// allocation for each row.
func appendIntent(dst []byte, section memory.Section, row store.Intended) []byte {
	dst = append(dst, `{"section":`...)
	dst = record.AppendString(dst, []byte(section))
	dst = append(dst, `,"id":`...)
	dst = record.AppendString(dst, row.ID)
	dst = append(dst, `,"digest":"`...)
	dst = hex.AppendEncode(dst, row.Digest[:])
	dst = append(dst, '"')
	if row.Had > 0 {
		dst = append(dst, `,"had":`...)
		dst = strconv.AppendInt(dst, row.Had, 10)
	}
	return append(dst, '}')
}

// settle says, once a section has been merged and proved, that what was intended in
// it is known: it was added, and records.jsonl says so, or it was not.
func (j *journal) settle(s *SectionReceipt) error {
	if s.intended == 0 {
		return nil
	}
	line, err := json.Marshal(intentLine{Section: s.Section, Settled: true})
	if err != nil {
		return fmt.Errorf("marshal intent: %w", err)
	}
	if err := j.intents.append(line); err != nil {
		return err
	}
	return j.intents.sync()
}

// doubt is how many rows may be in beside those that were added, of a section whose
// merge ended with an error.
func (s *SectionReceipt) doubt() int64 {
	switch {
	case s.Kind == memory.Opaque && (s.intended == 0 || s.Created):
		return 0
	case s.Kind == memory.Opaque: // all of it, or nothing; a file may have no rows
		return max(s.Records, 1)
	}
	return max(s.intended-s.Added, 0)
}
