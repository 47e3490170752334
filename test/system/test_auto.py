"""The launcher's own ip_config: of host names, with another port."""


def reading(it):
    """Its processes print the list as they find it, and then do as DGL's."""
    it.command = [f'cat "$DGL_IP_CONFIG"; exec {it.build}/fake "server: serve" "trainer: connect"']
    return it


def lists(result, machines=4):
    """Returns what the trainers have printed: a list a machine."""
    return [result.log(f"vm{k}.trainer-{k}.log").splitlines() for k in range(machines)]


def expect(result, lines, said):
    """All machines have this list, and the run folder has a copy."""
    assert result.code == 0, result.said
    assert lists(result, len(lines)) == [lines] * len(lines), result.said
    assert (result.run_dir / "ip_config.txt").read_text().splitlines() == lines
    for words in said:
        assert words in result.err, result.said


def test_host_names(job):
    it = reading(job(port=30070))
    it.hosts = it.ip_config
    it.ip_config = ["vm0", it.cluster.ips[1] + " 30060", "vm2", "vm3"]
    ips = it.cluster.ips
    expect(it.run(), [f"{ips[0]} 30070", f"{ips[1]} 30060", f"{ips[2]} 30070", f"{ips[3]} 30070"],
           ["has host names", "$DGL_IP_CONFIG"])


def test_a_port_for_a_file_of_addresses(openmpi):
    it = openmpi(port=31000, num_servers=2, machines=2)
    it.command = ["--", "/bin/sh", "-c", 'cat "$1"; shift; exec "$@"', "sh", "{ip_config}",
                  str(it.build / "fake"), "server: serve", "trainer: connect"]
    result = it.run()
    expect(result, [f"{ip} 31000" for ip in it.ip_config], ["--port is given"])
    assert {machine["port"] for machine in result.report["attempts"][0]["machines"]} == {31000}


def test_the_command_names_the_file_itself(solo):
    it = solo(port=31000)
    it.command = [f"cat ip_config.txt; exec {it.build}/fake"]
    result = it.run()
    assert result.code == 0, result.said
    assert "the command names 'ip_config.txt' itself" in result.err, result.said
