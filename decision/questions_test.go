package decision

import (
	"bytes"
	"strings"
	_ "time/tzdata"

	"golang.org/x/crypto/ssh"
)

const (
	berlin  = "CET-1CEST,M3.5.0,M10.5.0/3"
	newYork = "EST5EDT,M3.2.0,M11.1.0"
)

// questions is the table of signatures on which OpenSSH and we must agree.
func questions() map[string]question {
	all := map[string]question{}
	for _, part := range []map[string]question{
		keyQuestions(), patternQuestions(), optionQuestions(), timeQuestions(), zoneQuestions(), certificateQuestions(),
		messageQuestions(), fileQuestions(),
	} {
		for name, q := range part {
			all[name] = q
		}
	}
	return all
}

func keyQuestions() map[string]question {
	return map[string]question{
		"ed25519":             {file: "alice {ed}", good: true},
		"ecdsa 256":           {file: "alice {p256}", signer: "p256", good: true},
		"ecdsa 384":           {file: "alice {p384}", signer: "p384", good: true},
		"ecdsa 521":           {file: "alice {p521}", signer: "p521", good: true},
		"rsa sha2-512":        {file: "alice {rsa}", signer: "rsa", good: true},
		"rsa sha2-256":        {file: "alice {rsa}", signer: "rsa", algorithm: ssh.KeyAlgoRSASHA256, good: true},
		"rsa sha1":            {file: "alice {rsa}", signer: "rsa", algorithm: ssh.KeyAlgoRSA},
		"rsa 1024":            {file: "alice {weak}", signer: "weak", stricter: "1024 bits"},
		"rsa 1024, unlisted":  {file: "alice {ed}", signer: "weak"},
		"another key":         {file: "alice {other}"},
		"hash sha256":         {file: "alice {ed}", hash: "sha256", good: true},
		"two lines, same key": {file: "bob {ed}\nalice {ed}", good: true},
		"two lines, same key, first out of time": {
			file: "alice valid-before=\"20260101Z\" {ed}\nalice {ed}", good: true,
		},
		"two lines, same key, second out of time": {
			file: "alice {ed}\nalice valid-before=\"20260101Z\" {ed}", good: true,
		},
		"two lines, same key, both in another namespace": {
			file: "alice namespaces=\"git\" {ed}\nalice namespaces=\"file\" {ed}",
		},
		"two keys, one person": {file: "alice {other}\nalice {ed}", good: true},
	}
}

func patternQuestions() map[string]question {
	return map[string]question{
		"wrong principal":           {file: "bob {ed}"},
		"list":                      {file: "bob,alice,carol {ed}", good: true},
		"list without":              {file: "bob,carol {ed}"},
		"star":                      {file: "* {ed}", good: true},
		"prefix star":               {file: "al* {ed}", good: true},
		"star in the middle":        {file: "a*e {ed}", good: true},
		"star that does not fit":    {file: "a*x {ed}"},
		"many stars":                {file: "*a*l*i*c*e* {ed}", good: true},
		"question mark":             {file: "al?ce {ed}", good: true},
		"question mark is one":      {file: "ali?ce {ed}"},
		"question mark is not none": {file: "alice? {ed}"},
		"mail":                      {file: "*@example.org {ed}", principal: "alice@example.org", good: true},
		"mail elsewhere":            {file: "*@example.org {ed}", principal: "alice@example.com"},
		"negated":                   {file: "*,!alice {ed}"},
		"negated first":             {file: "!alice,* {ed}"},
		"another negated":           {file: "*,!bob {ed}", good: true},
		"only negated":              {file: "!bob {ed}"},
		"negated pattern":           {file: "*,!al* {ed}"},
		"negated, next line":        {file: "*,!alice {ed}\nalice {ed}", good: true},
		"case counts":               {file: "Alice {ed}"},
		"a part":                    {file: "alic {ed}"},
		"a longer one":              {file: "alicea {ed}"},
		"quoted":                    {file: "\"alice\" {ed}", good: true},
		"quoted with a blank":       {file: "\"bob,alice smith\" {ed}", principal: "alice smith", good: true},
		"quoted list":               {file: "\"bob,alice\" {ed}", good: true},
		"star as principal":         {file: "alice {ed}", principal: "*"},
		"list as principal":         {file: "alice,bob {ed}", principal: "alice,bob"},
		"bytes beyond ASCII":        {file: "?? {ed}", principal: "é", good: true},
	}
}

func optionQuestions() map[string]question {
	return map[string]question{
		"namespace":               {file: `alice namespaces="decision@fermata" {ed}`, good: true},
		"namespace list":          {file: `alice namespaces="git,decision@fermata" {ed}`, good: true},
		"namespace pattern":       {file: `alice namespaces="*@fermata" {ed}`, good: true},
		"namespace of another":    {file: `alice namespaces="git" {ed}`},
		"namespace negated":       {file: `alice namespaces="*,!decision@fermata" {ed}`},
		"namespace in upper case": {file: `alice NameSpaces="git,decision@*" {ed}`, good: true},
		"namespace, another file": {file: `alice namespaces="file" {ed}`, namespace: "file", good: true},
		"unknown option":          {file: `alice no-touch-required {ed}`},
		"unknown option with a value": {
			file: `alice environment="A=b" {ed}`,
		},
		"option without quotes":      {file: `alice namespaces=decision@fermata {ed}`},
		"open quote":                 {file: `alice namespaces="decision@fermata {ed}`},
		"option twice":               {file: `alice namespaces="decision@fermata",namespaces="git" {ed}`},
		"comma at the end":           {file: `alice namespaces="decision@fermata", {ed}`},
		"all options":                {file: `alice namespaces="decision@fermata",valid-after="20260101Z",valid-before="20270101Z" {ed}`, good: true},
		"authority line, plain key":  {file: `alice cert-authority {ed}`},
		"empty namespaces":           {file: `alice namespaces="" {ed}`},
		"flag with a value":          {file: `alice cert-authority="yes" {ca}`, signer: "good"},
		"option behind a blank":      {file: `alice namespaces="git" valid-after="20200101Z" {ed}`},
		"escaped quote in a pattern": {file: `alice namespaces="\"x\",decision@fermata" {ed}`, good: true},
	}
}

func timeQuestions() map[string]question {
	return map[string]question{
		"after, at the second":   {file: `alice valid-after="20260601120000Z" {ed}`, good: true},
		"after, a second early":  {file: `alice valid-after="20260601120000Z" {ed}`, at: "20260601115959"},
		"before, at the second":  {file: `alice valid-before="20260601120000Z" {ed}`, good: true},
		"before, a second late":  {file: `alice valid-before="20260601120000Z" {ed}`, at: "20260601120001"},
		"date only":              {file: `alice valid-after="20260601Z" {ed}`, good: true},
		"date only, to come":     {file: `alice valid-after="20260602Z" {ed}`},
		"minutes":                {file: `alice valid-before="202606011200Z" {ed}`, good: true},
		"minutes, past":          {file: `alice valid-before="202606011159Z" {ed}`},
		"with UTC":               {file: `alice valid-before="202606011200UTC" {ed}`, good: true},
		"small z":                {file: `alice valid-before="202606011200z" {ed}`, good: true},
		"both, inside":           {file: `alice valid-after="20260501Z",valid-before="20260701Z" {ed}`, good: true},
		"both, outside":          {file: `alice valid-after="20260501Z",valid-before="20260515Z" {ed}`},
		"both, the wrong way":    {file: `alice valid-after="20260701Z",valid-before="20260501Z" {ed}`},
		"no time":                {file: `alice valid-after="soon" {ed}`},
		"month 13":               {file: `alice valid-after="20251301Z" {ed}`},
		"hour 25":                {file: `alice valid-after="202601012500Z" {ed}`},
		"31 February":            {file: `alice valid-after="20260231Z" {ed}`, stricter: "no time that exists"},
		"nine digits":            {file: `alice valid-after="202601010Z" {ed}`},
		"sign":                   {file: `alice valid-after="+2026010Z" {ed}`},
		"after, twice":           {file: `alice valid-after="20260101Z",valid-after="20260102Z" {ed}`},
		"authority, key in time": {file: `alice cert-authority,valid-before="20270101Z" {ca}`, signer: "good", good: true},
		"authority, key expired": {file: `alice cert-authority,valid-before="20260101Z" {ca}`, signer: "good"},
	}
}

// zoneQuestions are about times without Z, which OpenSSH reads in standard time even in summer.
func zoneQuestions() map[string]question {
	return map[string]question{
		"Berlin, winter":              {file: `alice valid-after="202601151200" {ed}`, at: "20260115110000", zone: berlin, good: true},
		"Berlin, winter, early":       {file: `alice valid-after="202601151200" {ed}`, at: "20260115105959", zone: berlin},
		"Berlin, summer":              {file: `alice valid-after="202607151200" {ed}`, at: "20260715110000", zone: berlin, good: true},
		"Berlin, summer, early":       {file: `alice valid-after="202607151200" {ed}`, at: "20260715105959", zone: berlin},
		"Berlin, summer, before":      {file: `alice valid-before="202607151200" {ed}`, at: "20260715110000", zone: berlin, good: true},
		"Berlin, summer, before late": {file: `alice valid-before="202607151200" {ed}`, at: "20260715110001", zone: berlin},
		"Berlin, Z":                   {file: `alice valid-after="202607151200Z" {ed}`, at: "20260715115959", zone: berlin},
		"New York, winter":            {file: `alice valid-after="20260115" {ed}`, at: "20260115050000", zone: newYork, good: true},
		"New York, winter, early":     {file: `alice valid-after="20260115" {ed}`, at: "20260115045959", zone: newYork},
		"New York, summer":            {file: `alice valid-after="20260715" {ed}`, at: "20260715050000", zone: newYork, good: true},
		"New York, summer, early":     {file: `alice valid-after="20260715" {ed}`, at: "20260715045959", zone: newYork},
	}
}

func certificateQuestions() map[string]question {
	const authority = "* cert-authority {ca}"
	return map[string]question{
		"certificate":                          {file: authority, signer: "good", good: true},
		"certificate, several principals":      {file: authority, signer: "many", good: true},
		"certificate without end":              {file: authority, signer: "forever", at: "20400101000000", good: true},
		"certificate of rsa":                   {file: authority, signer: "rsacert", good: true},
		"certificate of rsa, sha1":             {file: authority, signer: "rsacert", algorithm: ssh.KeyAlgoRSA},
		"certificate of ecdsa":                 {file: authority, signer: "eccert", good: true},
		"certificate by rsa":                   {file: "* cert-authority {carsa}", signer: "byrsa", good: true},
		"certificate by ecdsa":                 {file: "* cert-authority {caec}", signer: "byec", good: true},
		"certificate by rsa, sha1":             {file: "* cert-authority {carsa}", signer: "bysha1", stricter: "only rsa-sha2"},
		"certificate expired":                  {file: authority, signer: "good", at: "20270101000000"},
		"certificate, last second":             {file: authority, signer: "good", at: "20261230235959", good: true},
		"certificate, at its end":              {file: authority, signer: "good", at: "20261231000000"},
		"certificate to come":                  {file: authority, signer: "good", at: "20251231235959"},
		"certificate, first second":            {file: authority, signer: "good", at: "20260101000000", good: true},
		"certificate of another person":        {file: authority, signer: "bob"},
		"certificate with a star":              {file: authority, signer: "star"},
		"certificate without principals":       {file: authority, signer: "nobody"},
		"certificate of a host":                {file: authority, signer: "host"},
		"certificate by another authority":     {file: authority, signer: "foreign"},
		"certificate with a critical option":   {file: authority, signer: "forced", stricter: "force-command"},
		"certificate, line for another":        {file: "bob cert-authority {ca}", signer: "good"},
		"certificate, line with a pattern":     {file: "al* cert-authority {ca}", signer: "good", good: true},
		"certificate, line negated":            {file: "*,!alice cert-authority {ca}", signer: "good"},
		"certificate, authority as plain key":  {file: "* {ca}", signer: "good"},
		"certificate, key listed plainly":      {file: "alice {ed}", signer: "good"},
		"certificate, key as authority":        {file: "alice cert-authority {ed}", signer: "good"},
		"certificate, namespace":               {file: `* cert-authority,namespaces="decision@*" {ca}`, signer: "good", good: true},
		"certificate, namespace of another":    {file: `* cert-authority,namespaces="git" {ca}`, signer: "good"},
		"certificate, second line":             {file: "* cert-authority {ca2}\n* cert-authority {ca}", signer: "good", good: true},
		"certificate listed as key":            {file: "alice {good}", signer: "good", stricter: "a certificate stands where a key belongs"},
		"certificate listed, expired":          {file: "alice {good}", signer: "good", at: "20300101000000", stricter: "a certificate stands where a key belongs"},
		"certificate forged":                   {file: authority, signer: "good", armor: repack(flip("alice"))},
		"authority signs itself":               {file: authority, signer: "ca"},
		"plain key of a certified person":      {file: authority, signer: "ed"},
		"certificate, small option":            {file: "* Cert-Authority {ca}", signer: "good", good: true},
		"certificate, options after authority": {file: `* valid-after="20260101Z",cert-authority {ca}`, signer: "good", good: true},
	}
}

// flip changes the first letter of a text wherever it stands.
func flip(text string) func([]byte) []byte {
	return func(b []byte) []byte {
		return bytes.ReplaceAll(b, []byte(text), append([]byte{'b'}, text[1:]...))
	}
}

func messageQuestions() map[string]question {
	const file = "alice {ed}"
	return map[string]question{
		"wrong message":           {file: file, presented: "hallo"},
		"message with a newline":  {file: file, presented: "hello\n"},
		"long message":            {file: file, message: strings.Repeat("x", 1<<16), good: true},
		"signed for git":          {file: file, signedFor: "git"},
		"namespace rewritten":     {file: file, signedFor: "decision@fermatb", armor: repack(func(b []byte) []byte { return bytes.ReplaceAll(b, []byte("fermatb"), []byte("fermata")) })},
		"hash rewritten":          {file: file, armor: repack(func(b []byte) []byte { return bytes.ReplaceAll(b, []byte("sha512"), []byte("sha256")) })},
		"hash unknown":            {file: file, armor: repack(func(b []byte) []byte { return bytes.ReplaceAll(b, []byte("sha512"), []byte("sha384")) })},
		"signature changed":       {file: file, armor: repack(func(b []byte) []byte { b[len(b)-1] ^= 1; return b })},
		"signature cut":           {file: file, armor: repack(func(b []byte) []byte { return b[:len(b)-1] })},
		"signature longer":        {file: file, armor: repack(func(b []byte) []byte { return append(b, 0) })},
		"version 2":               {file: file, armor: repack(func(b []byte) []byte { b[9] = 2; return b })},
		"other magic":             {file: file, armor: repack(func(b []byte) []byte { b[0] = 'X'; return b })},
		"empty blob":              {file: file, armor: repack(func([]byte) []byte { return nil })},
		"no armor":                {file: file, armor: func(string) string { return "hello" }},
		"empty signature":         {file: file, armor: func(string) string { return "\n" }},
		"text before the armor":   {file: file, armor: func(s string) string { return "x\n" + s }},
		"header in the armor":     {file: file, armor: func(s string) string { return strings.Replace(s, "\n", "\nA: b\n\n", 1) }},
		"armor without its end":   {file: file, armor: func(s string) string { return s[:len(s)-len("-----END SSH SIGNATURE-----\n")] }},
		"armor of something else": {file: file, armor: func(s string) string { return strings.ReplaceAll(s, "SSH SIGNATURE", "PGP SIGNATURE") }},
		"text behind the armor":   {file: file, armor: func(s string) string { return s + "x\n" }, stricter: "does not end with"},
	}
}

func fileQuestions() map[string]question {
	return map[string]question{
		"empty file":              {file: ""},
		"comments and blanks":     {file: "# people\n\n   \n\t# more\nalice {ed}\n", good: true},
		"line commented out":      {file: "#alice {ed}"},
		"indented":                {file: "  \talice {ed}", good: true},
		"tabs":                    {file: "alice\tnamespaces=\"decision@fermata\"\t{ed}", good: true},
		"CRLF":                    {file: "alice {ed}\r\n", good: true},
		"comment behind the key":  {file: "alice {ed} and more words", good: true},
		"no key":                  {file: "alice"},
		"no key behind options":   {file: "alice namespaces=\"decision@fermata\""},
		"broken key":              {file: "alice ssh-ed25519 AAAAC3NzaC1lZDI1NTE5"},
		"type that does not fit":  {file: "alice ssh-rsa AAAAC3NzaC1lZDI1NTE5AAAAIKwR1u4PbOIbaXKGKgQh8OUtbMjSDfj3HG7vnlLZNLGv"},
		"unclosed quote":          {file: "\"alice {ed}"},
		"a bad line before":       {file: "bob nonsense\nalice {ed}", stricter: "line 1"},
		"a bad line for a person": {file: "bob foo {other}\nalice {ed}", stricter: `option "foo" is not known`},
	}
}
