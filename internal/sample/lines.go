package sample

// trajectory writes a line of the trajectories: an exchange worth learning from.
func (m *maker) trajectory(i int) {
	m.raw(`{"metadata":{`)
	m.text = numbered(m.text[:0], "sess-", i)
	m.strText("sessionId")
	m.text = appendISO(m.text[:0], at((i+1)*perSession))
	m.strText("extractionDate")
	m.str("type", "whitebox_introspection")
	m.raw(`},"messages":[{"role":"user"`)
	m.str("content", m.ask(m.below(len(concepts))))
	m.raw(`},{"role":"assistant"`)
	m.text = m.text[:0]
	m.prose(1)
	m.strText("content")
	m.raw(`}]}`)
}

// message writes a line of the mailbox.
func (m *maker) message(i int) {
	m.raw(`{`)
	m.text = numbered(m.text[:0], "m-", i+1)
	m.strText("id")
	m.str("to", m.pick(agents))
	m.num("sentAt", at(i))
	m.text = m.text[:0]
	m.prose(1)
	m.strText("subject")
	m.raw(`}`)
}
