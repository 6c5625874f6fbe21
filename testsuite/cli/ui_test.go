package cli

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"

	"fermata/encryption"
)

// webUI asks the web UI's server what a browser asks it, and the codec endpoint that it names for clear text.
func webUI(t *testing.T, h *hall) {
	var settings struct {
		Codec struct {
			Endpoint           string
			IncludeCredentials bool
		}
		WorkflowTerminateDisabled bool
		WorkflowSignalDisabled    bool
		WorkflowPauseDisabled     bool
	}
	h.browse(t, "/api/v1/settings", &settings)
	require.NotEmpty(t, settings.Codec.Endpoint)
	require.True(t, settings.Codec.IncludeCredentials, "the UI must send the cookie")
	require.True(t, settings.WorkflowTerminateDisabled && settings.WorkflowSignalDisabled && settings.WorkflowPauseDisabled,
		"runs are steered by signed commands")

	s := written(t, "web-18", "10.20.0.118")
	started := h.begin(t, "run", s.file)
	var described struct {
		ExecutionConfig struct {
			UserMetadata struct{ Summary json.RawMessage }
		}
		WorkflowExecutionInfo struct {
			SearchAttributes struct{ IndexedFields map[string]json.RawMessage }
		}
	}
	h.browse(t, "/api/v1/namespaces/fermata/workflows/"+url.PathEscape(s.target())+"?execution.runId="+started.RunID, &described)
	require.Contains(t, described.WorkflowExecutionInfo.SearchAttributes.IndexedFields, "FermataState")
	sealed := described.ExecutionConfig.UserMetadata.Summary
	require.Contains(t, string(sealed), base64.StdEncoding.EncodeToString([]byte(encryption.Encoding)))

	browser := &http.Client{}
	status, clear := decoded(t, browser, settings.Codec.Endpoint, h.UIURL(), sealed)
	require.Equal(t, http.StatusUnauthorized, status, "a browser that was not let in")
	require.Empty(t, clear)
	var err error
	browser.Jar, err = cookiejar.New(nil)
	require.NoError(t, err)
	page, err := browser.Get(h.ClearTextURL())
	require.NoError(t, err)
	require.NoError(t, page.Body.Close())
	require.Equal(t, h.UIURL()+"/namespaces/fermata/workflows", page.Request.URL.String(), "the page leads to the UI")
	status, clear = decoded(t, browser, settings.Codec.Endpoint, h.UIURL(), sealed)
	require.Equal(t, http.StatusOK, status)
	require.Equal(t, `"Provision web-18"`, clear)
	status, _ = decoded(t, browser, settings.Codec.Endpoint, "http://elsewhere.example", sealed)
	require.Equal(t, http.StatusForbidden, status, "a page from elsewhere learns nothing")
	h.requester(t, 0, "cancel", s.name)
}

func (h *hall) browse(t *testing.T, path string, into any) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, h.UIURL()+path, nil)
	require.NoError(t, err)
	response, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	defer func() { _ = response.Body.Close() }()
	require.Equal(t, http.StatusOK, response.StatusCode, path)
	require.NoError(t, json.NewDecoder(response.Body).Decode(into))
}

// decoded asks the codec endpoint, as a page of the origin, what a payload says.
func decoded(t *testing.T, browser *http.Client, endpoint, origin string, sealed json.RawMessage) (status int, clear string) {
	t.Helper()
	body := append(append([]byte(`{"payloads":[`), sealed...), "]}"...)
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, endpoint+"/decode", bytes.NewReader(body))
	require.NoError(t, err)
	r.Header.Set("Origin", origin)
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("X-Namespace", "fermata")
	response, err := browser.Do(r)
	require.NoError(t, err)
	defer func() { _ = response.Body.Close() }()
	data, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	var answer struct {
		Payloads []struct{ Data []byte }
	}
	if json.Unmarshal(data, &answer) == nil && len(answer.Payloads) == 1 {
		clear = string(answer.Payloads[0].Data)
	}
	return response.StatusCode, clear
}
