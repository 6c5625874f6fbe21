package guest

// Standard is the catalogue of the sandbox: a small web application in two versions, and what servers usually get.
func Standard() Catalogue {
	return Catalogue{
		{Name: "hello-web", Releases: []Release{helloRelease("1.1.0"), helloRelease("1.2.0")}},
		{Name: "nginx", Releases: []Release{{
			Version: "1.22.1-9+deb12u2", Description: "small, powerful, scalable web/proxy server", Commands: []string{"nginx"},
			Conffiles: map[string]string{"/etc/nginx/nginx.conf": "http {\n  server {\n    listen 80;\n    root /var/www/html;\n  }\n}\n"},
			Files:     map[string]string{"/var/www/html/index.html": "<h1>Welcome to nginx!</h1>\n"},
			Units:     []Unit{{Name: "nginx", Start: startNginx}},
		}}},
		{Name: "curl", Releases: []Release{plain("7.88.1-10+deb12u12", "command line tool for transferring data", "curl")}},
		{Name: "python3", Releases: []Release{plain("3.11.2-1+b1", "interactive high-level language")}},
		{Name: "ca-certificates", Releases: []Release{plain("20230311+deb12u1", "Common CA certificates")}},
		{Name: "xfsprogs", Releases: []Release{plain("6.1.0-1", "utilities for managing the XFS filesystem", "mkfs.xfs", "xfs_growfs", "xfs_info")}},
		{Name: "rsync", Releases: []Release{plain("3.2.7-1+deb12u2", "fast remote file copy")}},
		{Name: "jq", Releases: []Release{plain("1.6-2.1+deb12u1", "lightweight command-line JSON processor")}},
		{Name: "vim", Releases: []Release{plain("2:9.0.1378-2+deb12u2", "Vi IMproved")}},
		{Name: "htop", Releases: []Release{plain("3.2.2-2", "interactive processes viewer")}},
		{Name: "unattended-upgrades", Releases: []Release{{Version: "2.9.1+nmu3", Units: []Unit{{Name: "unattended-upgrades"}}}}},
		{Name: "chrony", Releases: []Release{{
			Version: "4.3-2+deb12u1", Description: "Versatile implementation of the Network Time Protocol",
			Conffiles: map[string]string{"/etc/chrony/chrony.conf": "pool 2.debian.pool.ntp.org iburst\n"},
			Users:     []string{"_chrony"}, Units: []Unit{{Name: "chrony"}},
		}}},
		{Name: "prometheus-node-exporter", Releases: []Release{{Version: "1.5.0-1+b6", Users: []string{"prometheus"}, Units: []Unit{{Name: "prometheus-node-exporter"}}}}},
	}
}

func plain(version, description string, commands ...string) Release {
	return Release{Version: version, Description: description, Commands: commands}
}

func helloRelease(version string) Release {
	return Release{
		Version: version, Architecture: "all", Description: "small web application that says hello",
		Conffiles: map[string]string{helloConfig: "# Port to listen on, and what to say.\nport = 8080\ngreeting = Hello from hello-web\n"},
		Files:     map[string]string{"/usr/share/doc/hello-web/README": "hello-web " + version + "\n"},
		Users:     []string{"hello-web"},
		Units:     []Unit{{Name: "hello-web", Start: startHello(version)}},
	}
}
