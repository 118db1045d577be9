# Drives a cluster through Debian's ruby-kubeclient.
#
# ruby-client.rb KUBECONFIG IMAGE [--containers]: prints `ok NAME` for every check, and fails at the first that does not
# hold. IMAGE has a shell; programs are run only with --containers.

require 'kubeclient'
require 'securerandom'
require 'timeout'

config = Kubeclient::Config.read(ARGV[0])
IMAGE = ARGV[1]
context = config.context
options = { ssl_options: context.ssl_options, auth_options: context.auth_options }
core = Kubeclient::Client.new(context.api_endpoint, 'v1', **options)
apps = Kubeclient::Client.new("#{context.api_endpoint}/apis/apps", 'v1', **options)
batch = Kubeclient::Client.new("#{context.api_endpoint}/apis/batch", 'v1', **options)
namespace = "ruby-#{SecureRandom.hex(4)}"
core.create_namespace(Kubeclient::Resource.new(metadata: { name: namespace }))

def check(name)
  yield
  puts "ok #{name}"
  $stdout.flush
end

def assert(condition, what = nil)
  raise "does not hold: #{what.inspect}" unless condition
end

def assert_refused(status)
  yield
rescue Kubeclient::HttpError => error
  assert error.error_code == status, error
  error
else
  raise "was not refused with #{status}"
end

def until_true(what)
  Timeout.timeout(60, nil, "not in 60 s: #{what}") { sleep 0.05 until yield }
end

def resource(namespace, name, labels: {}, **more)
  Kubeclient::Resource.new(metadata: { namespace: namespace, name: name, labels: labels }, **more)
end

begin
  check 'discovery' do
    core.discover
    assert core.respond_to?(:get_pods)
    assert core.api_valid?
    assert core.api['versions'].include?('v1'), core.api
    assert core.get_nodes.size.positive?
  end

  check 'crud' do
    made = core.create_config_map(resource(namespace, 'map', data: { a: '1' }))
    assert made.metadata.uid
    assert_refused(409) { core.create_config_map(resource(namespace, 'map')) }
    read = core.get_config_map('map', namespace)
    read.data.b = '2'
    assert core.update_config_map(read).data.to_h == { a: '1', b: '2' }
    assert_refused(409) { core.update_config_map(read) }
    patched = core.patch_config_map('map', { data: { a: nil } }, namespace)
    assert patched.data.to_h == { b: '2' }, patched.data
    merged = core.merge_patch_config_map('map', { data: { c: '3' } }, namespace)
    assert merged.data.to_h == { b: '2', c: '3' }, merged.data
    operations = [{ op: 'remove', path: '/data/b' }]
    assert core.json_patch_config_map('map', operations, namespace).data.to_h == { c: '3' }
    core.delete_config_map('map', namespace)
    assert_refused(404) { core.get_config_map('map', namespace) }
  end

  check 'server-side apply' do
    # It sends what to_json gives, which is not the object where that is a Kubeclient::Resource.
    metadata = { namespace: namespace, name: 'applied' }
    body = { apiVersion: 'v1', kind: 'ConfigMap', metadata: metadata, data: { a: '1' } }
    applied = core.apply_config_map(body, field_manager: 'ruby')
    assert applied.data.a == '1'
    managers = applied.metadata.managedFields.map { |entry| [entry.manager, entry.operation] }
    assert managers == [%w[ruby Apply]], managers
    conflict = assert_refused(409) { core.apply_config_map({ **body, data: { a: '2' } }, field_manager: 'other', force: false) }
    assert conflict.message.include?('conflict with "ruby": .data.a'), conflict.message
  end

  check 'lists in chunks' do
    names = (0...5).map { |index| "listed-#{index}" }
    names.each { |name| core.create_config_map(resource(namespace, name, labels: { kind: 'listed' })) }
    selection = { namespace: namespace, label_selector: 'kind=listed', limit: 2 }
    found = []
    page = core.get_config_maps(**selection)
    loop do
      found += page.map { |item| item.metadata.name }
      break if page.last?

      page = core.get_config_maps(**selection, continue: page.continue)
    end
    assert found == names, found
  end

  check 'watches' do
    version = core.get_config_maps(namespace: namespace).resourceVersion
    core.patch_config_map('listed-0', { data: { changed: 'yes' } }, namespace)
    core.delete_config_map('listed-1', namespace)
    seen = []
    watcher = core.watch_config_maps(namespace: namespace, label_selector: 'kind=listed', resource_version: version)
    Timeout.timeout(30) do
      watcher.each do |notice|
        seen << [notice.type, notice.object.metadata.name]
        watcher.finish if seen.size == 2
      end
    end
    assert seen == [%w[MODIFIED listed-0], %w[DELETED listed-1]], seen
  end

  check 'other groups' do
    template = {
      metadata: { labels: { app: 'web' } },
      spec: { containers: [{ name: 'main', image: IMAGE, command: %w[sleep 3600] }], terminationGracePeriodSeconds: 1 }
    }
    spec = { replicas: 2, selector: { matchLabels: { app: 'web' } }, template: template }
    apps.create_deployment(resource(namespace, 'web', spec: spec))
    until_true('two replicas') { apps.get_deployment('web', namespace).status.availableReplicas == 2 }
    apps.patch_deployment('web', { spec: { replicas: 0 } }, namespace)
    until_true('no pods') { core.get_pods(namespace: namespace, label_selector: 'app=web').empty? }
    background = Kubeclient::Resource.new(apiVersion: 'v1', kind: 'DeleteOptions', propagationPolicy: 'Background')
    apps.delete_deployment('web', namespace, delete_options: background)
    until_true('no replica sets') { apps.get_replica_sets(namespace: namespace).empty? }
    job = { template: { spec: { restartPolicy: 'Never', containers: [{ name: 'main', image: IMAGE, command: %w[true] }] } } }
    batch.create_job(resource(namespace, 'job', spec: job))
    until_true('the job is done') { batch.get_job('job', namespace).status.succeeded == 1 }
  end

  check 'every kind of core' do
    core.all_entities(namespace: namespace).each { |kind, list| assert list.respond_to?(:each), kind }
  end

  if ARGV.include?('--containers')
    check 'logs' do
      container = { name: 'main', image: IMAGE, command: ['sh', '-c', 'echo one; echo two; sleep 3600'] }
      spec = { containers: [container], terminationGracePeriodSeconds: 0 }
      core.create_pod(resource(namespace, 'pod', spec: spec))
      until_true('it runs') { core.get_pod('pod', namespace).status.phase == 'Running' }
      until_true('it has logged') { core.get_pod_log('pod', namespace).body == "one\ntwo\n" }
      assert core.get_pod_log('pod', namespace, tail_lines: 1).body == "two\n"
      lines = []
      stream = core.watch_pod_log('pod', namespace)
      Timeout.timeout(30) do
        stream.each do |line|
          lines << line
          stream.finish if lines.size == 2
        end
      end
      assert lines == %w[one two], lines
    end

    check 'proxy' do
      script = 'mkdir /www; echo hello > /www/index.html; exec httpd -f -p 8080 -h /www'
      container = { name: 'main', image: IMAGE, command: ['sh', '-c', script] }
      spec = { containers: [container], terminationGracePeriodSeconds: 0 }
      core.create_pod(resource(namespace, 'web', spec: spec))
      until_true('it runs') { core.get_pod('web', namespace).status.phase == 'Running' }
      url = core.proxy_url('pod', 'web', 8080, namespace)
      ask = lambda do
        RestClient::Resource.new("#{url}/index.html", {
          ssl_client_cert: options[:ssl_options][:client_cert], ssl_client_key: options[:ssl_options][:client_key],
          ssl_cert_store: options[:ssl_options][:cert_store], verify_ssl: OpenSSL::SSL::VERIFY_PEER
        }).get.body
      rescue RestClient::Exception
        nil
      end
      until_true('the server answers') { ask.call == "hello\n" }
    end
  end
ensure
  core.delete_namespace(namespace)
end
