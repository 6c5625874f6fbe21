package haproxy

import (
	"strings"
)

// The keywords that are accepted without being acted on. What is in no list is an error, as with HAProxy.
var (
	globalKeywords = words(`log chroot user group daemon maxconn nbthread nbproc ca-base crt-base pidfile stats tune.* ssl-*
		hard-stop-after cpu-map description node server-state-base server-state-file spread-checks setenv presetenv
		master-worker lua-* ulimit-n uid gid zero-warning quiet debug expose-* strict-limits`)
	proxyKeywords = words(`mode log option timeout balance retries errorfile bind default_backend use_backend acl http-request
		http-response tcp-request tcp-response http-check tcp-check server default-server cookie stick-table stick
		maxconn fullconn description stats redirect compression hash-type http-reuse load-server-state-from-file
		no errorloc capture unique-id-format log-format filter monitor-uri source id disabled enabled email-alert
		rate-limit backlog force-persist ignore-persist persist`)
	otherSections = words("userlist peers resolvers mailers cache program ring http-errors fcgi-app")
)

func words(text string) map[string]bool {
	set := map[string]bool{}
	for _, word := range strings.Fields(text) {
		set[word] = true
	}
	return set
}

func known(set map[string]bool, word string) bool {
	for pattern := range set {
		if prefix, ok := strings.CutSuffix(pattern, "*"); ok && strings.HasPrefix(word, prefix) {
			return true
		}
	}
	return set[word]
}

func (p *parser) parseLine(w []string) {
	if p.begin(w) {
		return
	}
	switch {
	case otherSections[p.section]:
	case p.section == "":
		p.alert("unknown keyword '%s' out of section.", w[0])
	case p.section == "global":
		p.global(w)
	case !known(proxyKeywords, w[0]):
		p.alert("unknown keyword '%s' in '%s' section", w[0], p.section)
	default:
		p.proxy(w)
	}
}

// begin handles the line that opens a section.
func (p *parser) begin(w []string) bool {
	name := w[0]
	switch {
	case name == "global", name == "defaults", otherSections[name]:
		p.section, p.front, p.back = name, nil, nil
		return true
	case name != "frontend" && name != "backend" && name != "listen":
		return false
	}
	p.section, p.front, p.back = name, nil, nil
	if len(w) < 2 {
		p.alert("'%s' expects an <id> argument", name)
		return true
	}
	if bad, ok := badCharacter(w[1]); ok {
		p.alert("character '%c' is not permitted in '%s' name '%s'.", bad, name, w[1])
		return true
	}
	if name != "backend" {
		p.front = &frontend{name: w[1], mode: p.mode, where: p.at()}
		p.settings.frontends = append(p.settings.frontends, p.front)
	}
	if name != "frontend" {
		p.addBackend(name, w[1])
	}
	return true
}

func (p *parser) addBackend(section, name string) {
	for _, b := range p.settings.backends {
		if b.name == name {
			p.say("ALERT", "config : Parsing [%s]: %s '%s' has the same name as backend '%s' declared at %s.",
				p.at(), section, name, name, b.where)
		}
	}
	p.back = &backendSettings{name: name, mode: p.mode, where: p.at(), defaults: serverSettings{weight: 1, rise: 2, fall: 3}}
	p.settings.backends = append(p.settings.backends, p.back)
	if p.front != nil {
		p.front.backend = name
	}
}

// badCharacter finds what no name may hold.
func badCharacter(name string) (rune, bool) {
	for _, r := range name {
		if !strings.ContainsRune("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.:", r) {
			return r, true
		}
	}
	return 0, false
}

func (p *parser) global(w []string) {
	if !known(globalKeywords, w[0]) {
		p.alert("unknown keyword '%s' in 'global' section", w[0])
		return
	}
	if w[0] != "stats" || len(w) < 3 || w[1] != "socket" {
		return
	}
	s := socket{address: strings.TrimPrefix(w[2], "ipv4@"), level: "operator"}
	for i := 3; i+1 < len(w); i++ {
		if w[i] == "level" {
			s.level = w[i+1]
		}
	}
	p.settings.sockets = append(p.settings.sockets, s)
}

func (p *parser) proxy(w []string) {
	switch w[0] {
	case "mode":
		p.setMode(w)
	case "bind":
		if p.front != nil && len(w) > 1 {
			p.front.bind = w[1]
		}
	case "default_backend":
		if p.front != nil && len(w) > 1 {
			p.front.backend = w[1]
		}
	case "option":
		p.option(w)
	case "server", "default-server":
		p.server(w)
	}
}

func (p *parser) setMode(w []string) {
	if len(w) < 2 || w[1] != "http" && w[1] != "tcp" && w[1] != "health" {
		p.alert("unknown proxy mode '%s'.", strings.Join(w[1:], " "))
		return
	}
	switch {
	case p.section == "defaults":
		p.mode = w[1]
	default:
		if p.front != nil {
			p.front.mode = w[1]
		}
		if p.back != nil {
			p.back.mode = w[1]
		}
	}
}

func (p *parser) option(w []string) {
	if len(w) < 2 {
		p.alert("'option' expects an option name.")
		return
	}
	if w[1] != "httpchk" || p.back == nil {
		return
	}
	p.back.httpchk, p.back.method, p.back.path = true, "OPTIONS", "/"
	switch len(w) {
	case 2:
	case 3:
		p.back.path = w[2]
	default:
		p.back.method, p.back.path = w[2], w[3]
	}
}

// resolve checks what needs all sections.
func (p *parser) resolve() {
	backends := map[string]bool{}
	for _, b := range p.settings.backends {
		backends[b.name] = true
		names := map[string]int{}
		for _, s := range b.servers {
			if line, ok := names[s.name]; ok {
				p.say("ALERT", "config : parsing [%s] : backend '%s', another server named '%s' was already defined at line %d, please use distinct names.",
					s.where, b.name, s.name, line)
			}
			names[s.name] = s.line
		}
	}
	for _, f := range p.settings.frontends {
		if f.backend != "" && !backends[f.backend] {
			p.say("ALERT", "config : Proxy '%s': unable to find required default_backend: '%s'.", f.name, f.backend)
		}
	}
}
