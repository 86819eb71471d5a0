package chromadir

import (
	"bufio"
	"errors"
	"fmt"
	"io"
)

// The opcodes of Python's pickle format that index_metadata.pickle may hold:
// those that Chroma's servers write (serde_pickle), and those that the Python
// servers before them wrote (docs.python.org/3/library/pickletools.html). None
// of them imports or calls anything here, and every other one is an error.
const (
	opProto          = 0x80
	opFrame          = 0x95
	opMark           = '('
	opStop           = '.'
	opNone           = 'N'
	opInt            = 'J'
	opInt1           = 'K'
	opInt2           = 'M'
	opLong1          = 0x8a
	opText           = 'X'
	opShortText      = 0x8c
	opEmptyDict      = '}'
	opSetItem        = 's'
	opSetItems       = 'u'
	opEmptyTuple     = ')'
	opGlobal         = 'c'
	opStackGlobal    = 0x93
	opNewObject      = 0x81
	opBuild          = 'b'
	opMemoize        = 0x94
	opPut, opLongPut = 'q', 'r'
	opGet, opLongGet = 'h', 'j'
)

// Bounds of what is kept while a pickle is read. Servers write a thousand
// entries, two values each, at once.
const (
	maxPickleText  = 1 << 20
	maxPickleStack = 1 << 14
	maxPickleMemo  = 1 << 26
)

// The class of which the pickles of Python servers hold an object. Only its
// name is looked at.
const (
	pickleModule = "chromadb.segment.impl.vector.local_persistent_hnsw"
	pickleClass  = "PersistentData"
)

// pickled is what the pickle says besides its ids.
type pickled struct {
	added    int64 // labels that were ever given
	maxSeq   int64 // the log position of the index, as Python kept it; 0 for none
	ids      int   // entries of id_to_label
	labels   int   // entries of label_to_id
	hasIDs   bool
	complete bool
}

type kind uint8

const (
	kindMark kind = iota
	kindNone
	kindInt
	kindText
	kindDict
	kindTuple
	kindClass
	kindObject
)

// item is a value on the stack. A text lies in the arena, or, when it is in the
// memo, in memoText.
type item struct {
	kind       kind
	memo       bool
	n          int64 // an integer; for a mark the length of the arena
	start, end int
}

// unpickler is a machine that understands index_metadata.pickle and no more.
type unpickler struct {
	in       *bufio.Reader
	use      func(id []byte, label uint32) error
	out      pickled
	arena    []byte
	stack    []item
	memoText []byte
	memo     []item
}

// readPickle reads an index_metadata.pickle and calls use with each id and its
// label. After an error it has used all entries that came whole before it.
func readPickle(r io.Reader, use func(id []byte, label uint32) error) (pickled, error) {
	u := unpickler{in: bufio.NewReaderSize(r, 64<<10), use: use}
	for {
		op, err := u.in.ReadByte()
		if err != nil {
			return u.torn(unexpected(err))
		}
		if op == opStop {
			break
		}
		if err := u.step(op); err != nil {
			return u.torn(err)
		}
		if len(u.stack) > maxPickleStack {
			return u.out, errors.New("too many values at once")
		}
	}
	if len(u.stack) != 1 || !u.out.hasIDs {
		return u.out, errors.New("it ends without a map from ids to labels")
	}
	if _, err := u.in.ReadByte(); !errors.Is(err, io.EOF) {
		return u.out, errors.New("bytes after its end")
	}
	u.out.complete = true
	return u.out, nil
}

// torn uses the entries that were read and not yet put into their map.
func (u *unpickler) torn(err error) (pickled, error) {
	if at := u.lastMark(); at > 0 && u.stack[at-1].kind == kindDict {
		u.stack = u.stack[:len(u.stack)-(len(u.stack)-at-1)%2]
		if use := u.setItems(); use != nil {
			err = errors.Join(err, use)
		}
	}
	return u.out, err
}

func unexpected(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

func (u *unpickler) step(op byte) error {
	switch op {
	case opProto:
		_, err := u.uint(1)
		return err
	case opFrame:
		_, err := u.uint(8)
		return err
	case opMark:
		return u.push(item{kind: kindMark, n: int64(len(u.arena))})
	case opNone:
		return u.push(item{kind: kindNone})
	case opEmptyDict:
		return u.push(item{kind: kindDict})
	case opEmptyTuple:
		return u.push(item{kind: kindTuple})
	case opInt, opInt1, opInt2, opLong1:
		return u.integer(op)
	case opText, opShortText:
		return u.text(op)
	case opSetItem:
		return u.setItem()
	case opSetItems:
		return u.setItems()
	case opGlobal, opStackGlobal, opNewObject, opBuild:
		return u.object(op)
	case opMemoize, opPut, opLongPut:
		return u.keep(op)
	case opGet, opLongGet:
		return u.recall(op)
	}
	return fmt.Errorf("opcode 0x%02x, which no such file holds", op)
}

func (u *unpickler) push(i item) error {
	u.stack = append(u.stack, i)
	return nil
}
