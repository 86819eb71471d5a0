package sample

import "strings"

// concept is something that the workshop knows of. The first is the root; each
// other has a parent before it.
type concept struct {
	id, name, kind string
	parent         int
	about          string
}

var concepts = []concept{
	{"workshop", "Workshop", "place", 0, "Where all of it happens."},
	{"bench", "Bench", "place", 0, "A place to put a tool down — and to hold a board still."},
	{"wood", "Wood", "material", 0, "What everything here is made of."},
	{"tools", "Tools", "tool", 0, "They hang on the north wall, each on its own peg."},
	{"joints", "Joints", "joint", 0, "How two boards become one."},
	{"plane", "Plane", "tool", 3, "Takes thin shavings off a board."},
	{"saw", "Saw", "tool", 3, "Cuts boards to length."},
	{"chisel", "Chisel", "tool", 3, "Cuts where no saw gets to."},
	{"mallet", "Mallet", "tool", 3, "Drives the chisel; beech, with a leather face."},
	{"square", "Square", "tool", 3, "Says what is ninety degrees and what isn't."},
	{"vice", "Vice", "tool", 1, "The bench's third hand."},
	{"oak", "Oak", "material", 2, "Heavy, honest, splits along the ray."},
	{"ash", "Ash", "material", 2, "Bends before it breaks."},
	{"walnut", "Walnut", "material", 2, "Dark, quiet, and too dear for practice."},
	{"pine", "Pine", "material", 2, "For jigs, for crates, and for the first year."},
	{"dovetail", "Dovetail", "joint", 4, "Holds a drawer by its shape, not by glue."},
	{"mortise", "Mortise and tenon", "joint", 4, "A tongue in a pocket: chairs stand on it."},
	{"lap", "Half lap", "joint", 4, "Two halves that make one thickness."},
	{"glue", "Hide glue", "material", 4, "Warm, and forgiving: heat opens it again."},
	{"finish", "Finish", "material", 2, "Oil first, wax when it is dry – für später."},
	{"sharpening", "Sharpening", "craft", 3, "Honed to 8,000 grit on the water stone (砥石)."},
	{"chair", "Chair", "work", 0, "Four legs that agree with the floor."},
	{"drawer", "Drawer", "work", 0, "Runs well when it is almost too tight."},
	{"window", "Window", "work", 0, "Sashes for the old school's north side."},
}

// agents are who works here.
var agents = []string{"@ada", "@bo", "@jörg", "@mina"}

// The parts of a sentence.
var (
	people    = []string{"apprentice", "joiner", "carpenter", "turner", "visitor", "foreman", "cabinet maker", "neighbour"}
	manners   = []string{"patient", "careful", "cheerful", "tired", "quiet", "new", "old", "curious", "hurried", "thoughtful"}
	deeds     = []string{"planed", "measured", "marked", "cut", "glued", "sanded", "oiled", "fitted", "turned", "mended", "stacked", "weighed"}
	qualities = []string{"long", "narrow", "warped", "seasoned", "green", "knotty", "clear", "quarter-sawn", "reclaimed", "thin"}
	things    = []string{"board", "drawer front", "chair leg", "table top", "tenon", "shelf", "panel", "handle", "frame", "peg", "rail", "lid"}
	places    = []string{"at the window bench", "beside the stove", "under the north light", "on the saw horses", "in the drying shed", "by the open door", "behind the lathe"}
	reasons   = []string{"because the glue had set overnight", "before the rain came", "so that the grain would match", "while the kettle boiled", "after two dry fits", "as the drawing says", "and wrote it down", "and was pleased with it"}
	thoughts  = []string{"The drawing and the board disagree by a millimetre.", "This came up last week; the note is in the book.", "A test piece first, then the real one.", "The order is due on Friday, so the simple joint it is."}
	endings   = []string{"It fits.", "Done; the offcuts are in the bin under the bench.", "It took three tries, and the third is good.", "Left to dry until tomorrow.", "The customer called it \"just right\"."}
	models    = []string{"small-planer-2", "big-lathe-1"}
)

// asks are what goes before and after the thing that is asked about.
var asks = [][2]string{
	{"How do I keep the ", " in good order?"},
	{"Please look at the ", " once more."},
	{"What did we decide about the ", "?"},
	{"Who worked on the ", " last?"},
	{"Remind me of what we wrote about the ", "."},
}

// ask returns a question about a concept.
func (m *maker) ask(topic int) string {
	words := asks[m.below(len(asks))]
	return words[0] + strings.ToLower(concepts[topic].name) + words[1]
}

// sentence appends one plain sentence to m.text.
func (m *maker) sentence() {
	for i, words := range [][]string{manners, people, deeds, qualities, things, places, reasons} {
		m.text = append(m.text, [...]string{"The ", " ", " ", " the ", " ", " ", " "}[i]...)
		m.text = append(m.text, m.pick(words)...)
	}
	m.text = append(m.text, '.')
}

// prose appends n sentences to m.text, with spaces between.
func (m *maker) prose(n int) {
	for i := range n {
		if i > 0 {
			m.text = append(m.text, ' ')
		}
		m.sentence()
	}
}
