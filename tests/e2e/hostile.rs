//! Bad input through the real socket of a running gateway: each gets a negative acknowledgement, or ends refused or
//! parked with a finding; nothing of it leaves; and the gateway serves the next good message.
//! Source: architecture §4.8, decision 0003; hl7v2.md §2.12, §6.6; cda.md §9.

use std::{
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpStream},
};

use bytes::Bytes;
use jonction_engine::{DeliveryLine, DeliveryState, Filter, MessageLine, Reader, StateWord, Window};
use jonction_mllp::{
    messages_of,
    wire::{Decoder, Event, FrameLimits, encode},
};

use crate::{
    letters::{Letter, PLAIN_INS, matricule},
    program::{IDLE, PATIENCE, Program, example, example_messages},
    world::{Counterparts, World},
};

/// How a bad message ends.
enum End {
    /// AE with this ERR-3; nothing is owed.
    Door(&'static str),
    /// AA, then each delivery ends so: sink, state, check of its finding.
    Later(&'static [(&'static str, DeliveryState, &'static str)]),
}

use DeliveryState::{Delivered, Refused};
use End::{Door, Later};

const DMP: &str = "dmp-national";
const MAIL: &str = "operateur-regional";

/// A bad message.
struct Case {
    name: &'static str,
    frame: Bytes,
    end: End,
}

fn case(name: &'static str, message: impl Into<Bytes>, end: End) -> Case {
    Case { name, frame: message.into(), end }
}

/// A letter of its own for each case.
fn letter(number: u32) -> Letter {
    Letter::plain(&format!("BAD-{number:04}"), &format!("2.25.198001011.8.9.{number}"))
}

/// The whole list.
fn cases() -> Vec<Case> {
    let whole = letter(1).bytes();
    let no_header = whole.slice(whole.iter().position(|byte| *byte == b'\r').unwrap() + 1..);
    let in_half = whole.slice(..whole.len() / 2);
    let holes = {
        let bytes = letter(3).bytes();
        let text = std::str::from_utf8(&bytes).unwrap().to_owned();
        Bytes::from(text.replacen("^Base64^PD94", "^Base64^PD*4", 1))
    };
    let bomb = "<?xml version=\"1.0\"?><!DOCTYPE ClinicalDocument [<!ENTITY a \"aaaaaaaaaa\">\
                <!ENTITY b \"&a;&a;&a;&a;&a;&a;&a;&a;\"><!ENTITY c \"&b;&b;&b;&b;&b;&b;&b;&b;\">]>\
                <ClinicalDocument xmlns=\"urn:hl7-org:v3\">&c;</ClinicalDocument>";
    // The doctype is behind a root that passes at the door: only the reader of the document meets it.
    let late_bomb = {
        let letter = letter(27);
        let (head, rest) = letter.cda.split_once("<realmCode").unwrap();
        let cda = format!("{head}<!DOCTYPE x [<!ENTITY a \"b\">]>&a;<realmCode{rest}");
        letter.holding(cda)
    };
    let deep = format!("<component>{}{}<nonXMLBody>", "<a>".repeat(10_000), "</a>".repeat(10_000));
    let half_document = {
        let letter = letter(24);
        let half = letter.cda[..letter.cda.len() / 2].to_owned();
        letter.holding(half)
    };
    vec![
        case("not hl7", &b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"[..], Door("100")),
        case("an empty frame", &b""[..], Door("100")),
        case("no header", no_header, Door("100")),
        case("a megabyte of garbage", garbage(1 << 20), Door("100")),
        // Base64 stops where it may, the rest of OBX is gone: its status contradicts the event.
        case("cut in the middle of the document", in_half, Door("207")),
        case("base64 with holes", holes, Door("102")),
        case("base64 that stops in the prologue", letter(4).bytes_with("PD94bWw="), Door("207")),
        case("no document at all", letter(5).bytes_with(""), Door("101")),
        case("no xml", letter(6).holding("Compte rendu : rien à signaler.").bytes(), Door("207")),
        case("another root", letter(7).holding("<html xmlns=\"urn:hl7-org:v3\"/>").bytes(), Door("207")),
        case("an entity bomb", letter(8).holding(bomb).bytes(), Door("207")),
        case("an unknown message", letter(9).with("MDM^T02^MDM_T02", "QBP^Q11^QBP_Q11").bytes(), Door("200")),
        case("no patient", letter(10).without("PID").bytes(), Door("100")),
        case(
            "a sender that speaks for another structure",
            letter(11).with("HOPITAL-DEMO|JONCTION", "AUTRE|JONCTION").bytes(),
            Door("207"),
        ),
        case("a doctype inside the document", late_bomb.bytes(), NOTHING_LEAVES),
        case(
            "ten thousand nested elements",
            letter(20).document("<component>\n    <nonXMLBody>", &deep).bytes(),
            NOTHING_LEAVES,
        ),
        case("a document cut after its header", half_document.bytes(), NOTHING_LEAVES),
        case(
            "a document of another patient",
            letter(21).document(PLAIN_INS, &matricule(500)).bytes(),
            Later(&[(DMP, Refused, "hl7v2/H067"), (MAIL, Refused, "hl7v2/H067")]),
        ),
        case(
            "a document without identifier",
            letter(22).document("<id root=\"2.25.198001011.8.9.22\"/>", "").bytes(),
            Later(&[(DMP, Refused, "cda/H-03"), (MAIL, Refused, "cda/H-03")]),
        ),
        // The DMP has a list of types; a mail is free.
        case(
            "an unknown type of document",
            letter(23).both("11490-0", "99999-9").bytes(),
            Later(&[(DMP, Refused, "xds.type-not-in-dmp"), (MAIL, Delivered, "")]),
        ),
        case(
            "a recipient without address",
            letter(25).with("^^X.400^paul.briand-test@cabinet.mssante.example", "").bytes(),
            Later(&[(DMP, Delivered, ""), (MAIL, Refused, "hl7v2/H086")]),
        ),
        case(
            "an address with accents",
            letter(26).with("paul.briand-test@cabinet", "rené.févriér@cabinet").bytes(),
            Later(&[(DMP, Delivered, ""), (MAIL, Refused, "hl7v2/H086")]),
        ),
        // Every byte of it is UTF-8: read as such, and noted.
        case(
            "an unknown charset",
            letter(2).with("UNICODE UTF-8", "KLINGON").bytes(),
            Later(&[(DMP, Delivered, ""), (MAIL, Delivered, "")]),
        ),
    ]
}

/// A document nobody can read: refused everywhere.
const NOTHING_LEAVES: End = Later(&[(DMP, Refused, "hl7v2/H066"), (MAIL, Refused, "hl7v2/H066")]);

/// Bytes that mean nothing, none of them of framing.
fn garbage(length: usize) -> Vec<u8> {
    let mut seed = 7_u32;
    let byte = |_| {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        u8::try_from(seed >> 24).unwrap() | 0x40
    };
    (0..length).map(byte).collect()
}

#[test]
fn bad_messages_end_with_a_word_and_the_gateway_goes_on() {
    let world = World::start(&Counterparts::default());
    let (mut gateway, to) = world.gateway(&example());

    let mut wrong = Vec::new();
    let mut good = 0;
    for case in cases() {
        let held = (world.dmp.documents().len(), world.mssante.received());
        if let Err(why) = ends_as_it_should(&world, &mut gateway, to, &case) {
            wrong.push(format!("{}: {why}", case.name));
        }
        // What is refused everywhere left nothing anywhere.
        let nothing = match case.end {
            Door(_) => true,
            Later(ends) => ends.iter().all(|(_, state, _)| *state == Refused),
        };
        if nothing && held != (world.dmp.documents().len(), world.mssante.received()) {
            wrong.push(format!("{}: something left", case.name));
        }
        good += 1;
        serves(&world, &mut gateway, to, good);
    }

    assert!(wrong.is_empty(), "{}\n{}", wrong.join("\n"), gateway.story());
    noted(&world, "BAD-0002", "hl7v2/H022");
    gateway.terminate();
    let ended = gateway.ended().exits(0);
    assert_eq!(ended.err, "", "nothing to say to whoever maintains the machine");
    let balance = Reader::open(&world.data).unwrap().balance(Window::default()).unwrap();
    assert!(balance.closes() && balance.total.deliveries.in_flight == 0, "{balance:?}");
}

/// What must never be said outside the journal's bodies: identifiers, names, addresses of the people of the example.
const OF_A_PERSON: [&str; 8] = [
    PLAIN_INS,
    "157067505600",
    "VASSEUR",
    "FICTIF",
    "CAMILLE",
    "19840312",
    "paul.briand-test@cabinet",
    "PD94bWwg",
];

#[test]
fn logs_and_events_hold_no_datum_of_a_person() {
    let world = World::start(&Counterparts::default());
    let (project, data) = (example(), world.data.to_str().unwrap());
    let arguments = ["run", project.to_str().unwrap(), "--ports", "auto", "--data", data, "--json"];
    let mut gateway = Program::start_logging(arguments, "debug");
    let to = gateway.listening(1);
    let mut messages: Vec<Bytes> = example_messages()
        .iter()
        .map(|file| messages_of(&std::fs::read(file).unwrap()).pop().unwrap())
        .collect();
    messages.extend(cases().into_iter().map(|case| case.frame));
    world.mssante.faults().replace(["550 nth 2", "drop-data nth 3"]).unwrap();
    world.dmp.set_faults(["patient-mismatch nth 2", "access-denied nth 3", "garbage nth 4"]).unwrap();

    let count = messages.len();
    for message in messages {
        exchange(to, &message);
    }
    let received = |line: &str| line.starts_with(r#"{"event":"message""#);
    let mut seen = 0;
    gateway.wait_for("what every message owes", |line| {
        seen += usize::from(received(line));
        (seen == count && line == IDLE).then_some(())
    });
    gateway.terminate();
    let said = gateway.ended().exits(0);

    for (place, text) in [("stdout", &said.out), ("stderr", &said.err)] {
        for datum in OF_A_PERSON {
            let line = text.lines().find(|line| line.contains(datum));
            assert!(line.is_none(), "{place} says « {datum} »: {line:?}");
        }
    }
    assert!(said.err.contains("DEBUG"), "the logs were on");
}

#[test]
fn broken_framing_harms_nobody_else() {
    let world = World::start(&Counterparts::default());
    let (mut gateway, to) = world.gateway(&example());
    let frame = encode(&letter(40).bytes());
    let without_end = &frame[..frame.len() - 2];

    // Unfinished, then gone; never a frame at all; an end without a beginning.
    for bytes in [without_end, &garbage(1 << 20), b"\x1c\r\x1c\r"] {
        let mut link = TcpStream::connect(to).unwrap();
        link.set_read_timeout(Some(PATIENCE)).unwrap();
        // The gateway may cut before all of it left.
        let _ = link.write_all(bytes);
        let _ = link.shutdown(std::net::Shutdown::Write);
        let mut answer = Vec::new();
        let _ = link.read_to_end(&mut answer);
        assert!(answer.is_empty(), "nothing was a message, nothing is acknowledged");
    }
    serves(&world, &mut gateway, to, 1);

    let balance = Reader::open(&world.data).unwrap().balance(Window::default()).unwrap();
    assert_eq!(balance.total.messages.received, 1, "an unfinished frame is no message: {balance:?}");
}

/// The next message, a good one, goes all its way.
#[track_caller]
fn serves(world: &World, gateway: &mut Program, to: SocketAddr, number: u32) {
    let id = format!("GOOD-{number:04}");
    let document = format!("2.25.198001011.8.5.{number}");
    let ack = exchange(to, &Letter::plain(&id, &document).bytes()).expect("an acknowledgement");
    assert_eq!((ack.code.as_str(), &ack.control_id), ("AA", &id));
    done(world, gateway, &id);
    let line = message(world, &id).unwrap();
    assert_eq!(line.deliveries.len(), 4, "{line:?}");
    assert!(line.deliveries.iter().all(|delivery| delivery.state == Delivered), "{line:?}");
    assert!(world.dmp.documents().iter().any(|held| held.unique_id == document));
}

/// Waits until the message is known and nothing is left to do.
#[track_caller]
fn done(world: &World, gateway: &mut Program, control_id: &str) {
    let mine = format!("\"control_id\":\"{control_id}\"");
    gateway.wait_for("the message", |line| {
        (line.starts_with(r#"{"event":"message""#) && line.contains(&mine)).then_some(())
    });
    world.settled(gateway);
}

fn message(world: &World, control_id: &str) -> Option<MessageLine> {
    let filter = Filter { control_id: Some(control_id.to_owned()), ..Filter::default() };
    Reader::open(&world.data).unwrap().find(&filter).unwrap().pop()
}

fn ends_as_it_should(
    world: &World,
    gateway: &mut Program,
    to: SocketAddr,
    case: &Case,
) -> Result<(), String> {
    let ack = exchange(to, &case.frame).ok_or("the link was cut without a word")?;
    let control_id = control_id(&case.frame);
    if ack.control_id != control_id {
        return Err(format!("MSA-2 is « {} », not « {control_id} »", ack.control_id));
    }
    let ends = match case.end {
        Door(code) if (ack.code.as_str(), ack.errors.as_slice()) == ("AE", &[code.to_owned()]) => {
            // A refusal is journaled with its reason; what has no number is found by its state alone.
            let refused = Filter { state: StateWord::parse("refused"), limit: 1, ..Filter::default() };
            let line = Reader::open(&world.data).unwrap().find(&refused).unwrap().pop();
            let line = line.ok_or("the refusal is not in the journal")?;
            let is_it = line.bytes == case.frame.len() as u64 && line.deliveries.is_empty();
            return if is_it { Ok(()) } else { Err(format!("{line:?}")) };
        }
        Later(ends) if ack.code == "AA" => ends,
        _ => return Err(format!("{ack:?}")),
    };
    done(world, gateway, &control_id);
    let line = message(world, &control_id).ok_or("the journal does not know it")?;
    let documents: Vec<_> =
        line.deliveries.iter().filter(|delivery| delivery.sink.as_str() != "sil").collect();
    let found = documents.iter().map(|delivery| {
        let check = delivery.finding.as_ref().map_or("", |finding| finding.check.as_str());
        (delivery.sink.as_str(), delivery.state, check)
    });
    let found: Vec<_> = found.collect();
    if found != ends {
        return Err(format!("{found:?}"));
    }
    // A report was wanted of each, and tells the sender the same.
    for delivery in documents {
        let wanted = match (delivery.sink.as_str(), delivery.state) {
            (DMP, Delivered) => "ZAM^Z01 = O",
            (DMP, _) => "ZAM^Z01 = N",
            (_, Delivered) => "ZAM^Z02 = O",
            _ => "ZAM^Z02 = N",
        };
        let told = |report: &&DeliveryLine| report.label == wanted && report.state == Delivered;
        if line.deliveries.iter().filter(told).count() != 1 {
            return Err(format!("{wanted} is missing: {:?}", line.deliveries));
        }
    }
    Ok(())
}

/// MSH-10, empty when there is no header.
fn control_id(frame: &[u8]) -> String {
    let head = &frame[..frame.len().min(300)];
    let fields = head.split(|byte| *byte == b'|').map(|field| str::from_utf8(field).unwrap_or_default());
    if head.starts_with(b"MSH|") { fields.skip(9).take(1).collect() } else { String::new() }
}

/// The journey of a message holds a remark of this check.
#[track_caller]
fn noted(world: &World, control_id: &str, check: &str) {
    let journeys = Reader::open(&world.data).unwrap().journey(control_id).unwrap();
    let findings = journeys.iter().flat_map(|journey| journey.findings.iter().chain(&journey.route_findings));
    let checks: Vec<&str> = findings.map(|finding| finding.check.as_str()).collect();
    assert!(checks.contains(&check), "{control_id}: {checks:?}");
}

/// MSA-1, MSA-2 and every ERR-3.1 of an answer, cut by hand: the parser of the project is not its own judge.
#[derive(Debug)]
struct Ack {
    code: String,
    control_id: String,
    errors: Vec<String>,
}

impl Ack {
    fn read(payload: &[u8]) -> Self {
        let text = std::str::from_utf8(payload).unwrap();
        assert!(text.starts_with("MSH|^~\\&|"), "{text}");
        let field = |segment: &str, at: usize| segment.split('|').nth(at).unwrap_or_default().to_owned();
        let of = |id: &'static str| text.split('\r').filter(move |segment| segment.starts_with(id));
        let msa = of("MSA|").next().unwrap_or_else(|| panic!("no MSA: {text}"));
        let errors = of("ERR|").map(|err| field(err, 3).split('^').next().unwrap_or_default().to_owned());
        Self { code: field(msa, 1), control_id: field(msa, 2), errors: errors.collect() }
    }
}

/// Sends one frame on a link of its own. Out: the acknowledgement; `None` when the gateway hangs up without a word.
fn exchange(to: SocketAddr, message: &[u8]) -> Option<Ack> {
    let mut link = TcpStream::connect(to).unwrap();
    link.set_read_timeout(Some(PATIENCE)).unwrap();
    link.write_all(&encode(message)).unwrap();
    link.shutdown(std::net::Shutdown::Write).unwrap();
    let mut decoder = Decoder::new(FrameLimits::default());
    let mut bytes = [0; 4096];
    loop {
        match decoder.next_event().unwrap() {
            Some(Event::Message { payload, .. }) => return Some(Ack::read(&payload)),
            Some(_) => {}
            None => match link.read(&mut bytes).unwrap() {
                0 => return None,
                read => decoder.push(&bytes[..read]),
            },
        }
    }
}
