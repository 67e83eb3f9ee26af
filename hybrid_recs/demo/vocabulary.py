"""The word lists of the made-up shop: shelves, attributes, brands, ranges and companion aisles.

Every brand is invented.
"""

# A department ("*": its ranges carry numbers), then its aisles: `Aisle > attributes: Product, Product; ...`.
# Neighbours in an aisle are bought together. "=" marks a product without a plural.
SHELVES = """
Sport *
Running > shoe: Road Running Shoe, Trail Running Shoe; wear: Running Socks, Running Shorts, Running Jacket
Fitness > kilo: Kettlebell, Dumbbell; band: Resistance Band; mat: Exercise Mat; colour: Skipping Rope
Sports nutrition > flavour: Protein Powder=, Energy Bar, Energy Gel, Hydration Tablets; bottle: Shaker Bottle
Cycling > size: Bike Helmet, Cycling Jersey, Cycling Gloves; light: Bike Light; volume: Saddle Bag
Swimming > cut: Swimsuit; lens: Swimming Goggles; colour: Swim Cap, Kickboard; size: Swim Fins
Outdoor *
Camping > people: Dome Tent, Tunnel Tent; season: Sleeping Bag; pad: Sleeping Mat; light: Camping Lantern
Hiking > shoe: Hiking Boot, Hiking Shoe; wear: Hiking Socks; litres: Hiking Backpack; pole: Trekking Pole
Climbing > size: Climbing Harness, Climbing Helmet; rope: Climbing Rope; colour: Chalk Bag, Quickdraw
Outdoor clothing > wear: Waterproof Jacket, Fleece Jacket, Walking Trousers, Base Layer, Down Jacket
Camp kitchen > burner: Camping Stove; metal: Camping Kettle, Mess Tin, Camping Mug; bottle: Vacuum Flask
Kitchen
Coffee makers > finish: Coffee Grinder, Espresso Machine; cups: French Press, Moka Pot; stone: Coffee Dripper
Mugs and cups > stone: Coffee Mug, Espresso Cup, Cappuccino Cup; bottle: Travel Mug; glass: Latte Glass
Cookware > pan: Frying Pan, Saute Pan, Saucepan; pot: Stockpot, Casserole Dish
Baking > tin: Cake Tin, Loaf Tin, Muffin Tray; colour: Mixing Bowl, Silicone Spatula; finish: Kitchen Scale
Knives > blade: Chef's Knife, Paring Knife, Bread Knife; wood: Chopping Board; finish: Knife Sharpener
Small appliances > finish: Electric Kettle, Two-Slice Toaster, Stick Blender, Stand Mixer, Air Fryer
Pantry
Coffee beans > roast: Espresso Beans, Filter Beans, Ground Coffee=, Single Origin Beans, House Blend Beans
Tea > leaf: Black Tea=, Green Tea=, Herbal Tea=, Chai Tea=; metal: Tea Infuser
Chocolate and biscuits > cocoa: Chocolate Bar, Chocolate Truffles; box: Shortbread=, Oat Cookies, Wafer Rolls
Flour and sugar > grain: Bread Flour=, Cake Flour=, Wholemeal Flour=, Caster Sugar=, Icing Sugar=
Breakfast > grain: Granola=, Muesli=, Porridge Oats; jar: Honey=, Fruit Jam
Home
Bedding > bed: Duvet Cover, Fitted Sheet, Duvet, Mattress Protector; fill: Pillow
Bath linen > cloth: Bath Towel, Hand Towel, Bath Mat, Bathrobe; colour: Shower Curtain
Lighting > shade: Table Lamp, Floor Lamp, Pendant Light, Wall Light; bulb: LED Bulb
Storage > wood: Wall Shelf, Bookcase; woven: Storage Basket, Laundry Basket; litres: Storage Box
Cushions and rugs > cloth: Cushion Cover, Sofa Throw, Curtains; rug: Wool Rug, Hallway Runner
Cleaning > scent: Floor Cleaner, Laundry Liquid=, Surface Spray; colour: Floor Mop, Cleaning Cloth
Garden
Garden tools > handle: Garden Spade, Garden Fork, Hand Trowel, Pruning Shears, Garden Rake
Seeds and bulbs > packet: Tomato Seeds, Sunflower Seeds, Lettuce Seeds, Basil Seeds, Tulip Bulbs
Pots and planters > clay: Plant Pot, Window Box, Hanging Planter, Raised Planter, Plant Saucer
Compost and feed > sack: Potting Compost=, Plant Feed=, Lawn Feed=, Bark Mulch=, Garden Lime=
Garden furniture > seat: Garden Bench, Garden Chair, Bistro Table, Sun Lounger, Parasol
Barbecue > finish: Charcoal Barbecue, Gas Barbecue; metal: Barbecue Tongs, Grill Basket; sack: Charcoal=
Toys
Building sets > pieces: City Building Set, Castle Building Set, Marble Run, Magnetic Tiles, Train Building Set
Board games > players: Strategy Board Game, Family Board Game, Card Game, Dice Game, Quiz Game
Puzzles > jigsaw: Landscape Jigsaw, Animal Jigsaw, Map Jigsaw; wood: Wooden Brain Teaser, Puzzle Cube
Soft toys > plush: Teddy Bear, Plush Rabbit, Plush Elephant, Plush Fox, Hand Puppet
Preschool toys > age: Shape Sorter, Stacking Rings, Wooden Blocks, Pull-Along Toy, Activity Cube
Craft kits > child: Bead Kit, Painting Kit, Modelling Clay Set, Weaving Loom, Sticker Book
Electronics *
Headphones > audio: Over-Ear Headphones, On-Ear Headphones, Wireless Earbuds; colour: Earbud Case, Audio Cable
Speakers > audio: Bluetooth Speaker, Bookshelf Speaker, Soundbar, Shower Speaker, Party Speaker
Phone accessories > colour: Phone Case, Screen Protector, Phone Grip; watt: Wall Charger, Power Bank
Computing > layout: Wireless Keyboard, Mechanical Keyboard; colour: Wireless Mouse, Laptop Bag; ports: USB Hub
Cameras > kit: Compact Camera, Action Camera; reach: Camera Tripod; colour: Camera Strap, Camera Bag
Smart home > pack: Smart Plug, Smart Bulb, Motion Sensor; finish: Video Doorbell, Smart Thermostat
Pets
Dog food and treats > meat: Dry Dog Food=, Wet Dog Food=, Dog Biscuits, Dog Chews, Puppy Food=
Dog walking > size: Dog Collar, Dog Harness, Dog Coat; leash: Dog Lead, Retractable Lead
Cat food and treats > meat: Dry Cat Food=, Wet Cat Food=, Cat Treats, Kitten Food=, Cat Pouches
Cat care > colour: Scratching Post, Cat Tunnel, Cat Bed; sack: Cat Litter=; size: Litter Tray
Aquarium > litres: Glass Aquarium; flow: Aquarium Filter, Aquarium Heater, Air Pump; sack: Aquarium Gravel=
Beauty
Skin care > skin: Face Cream, Face Serum, Cleansing Gel, Face Toner, Clay Mask
Hair care > hair: Shampoo, Conditioner, Hair Mask, Hair Oil, Styling Cream
Make-up > tone: Lipstick, Lip Gloss=, Blusher, Eyeshadow Palette, Nail Polish=
Bath and body > scent: Body Lotion, Shower Gel, Bath Salts, Hand Cream, Soap Bar
Shaving > skin: Shaving Cream, Aftershave Balm; wood: Shaving Brush, Safety Razor; scent: Beard Oil
Office *
Writing > nib: Fountain Pen, Gel Pen, Rollerball Pen; ink: Bottled Ink=; lead: Mechanical Pencil
Notebooks > paper: Hardback Notebook, Softcover Notebook, Weekly Planner, Sketchbook, Bullet Journal
Desks and chairs > wood: Writing Desk, Standing Desk, Monitor Riser; colour: Office Chair, Footrest
Filing > colour: Lever Arch File, Ring Binder, Document Wallet, Desk Organiser, Magazine File
Art supplies > set: Watercolour Set, Acrylic Paint Set, Coloured Pencil Set, Brush Set, Soft Pastel Set
Music *
Guitars > body: Acoustic Guitar, Electric Guitar, Classical Guitar, Bass Guitar, Ukulele
Guitar accessories > gauge: Guitar Strings, Bass Strings; colour: Guitar Strap, Clip-On Tuner, Guitar Capo
Keyboards and pianos > keys: Digital Piano, Stage Keyboard, Synthesiser; colour: Keyboard Stand, Piano Bench
Drums > drum: Snare Drum, Cajon, Bongo Drums; stick: Drumsticks; colour: Practice Pad
Recording > mic: Condenser Microphone, Dynamic Microphone; colour: Pop Shield; input: Audio Interface, Mixer
Baby
Nappies and changing > months: Disposable Nappies, Cloth Nappies; sheet: Wipes; print: Changing Mat, Nappy Bag
Baby feeding > feed: Baby Bottle, Sippy Cup; print: Silicone Bib, Weaning Bowl; finish: Bottle Steriliser
Baby clothes > months: Sleepsuit, Bodysuit, Baby Hat, Baby Cardigan, Baby Socks
Nursery > wood: Cot Bed, Changing Table; print: Cot Mobile, Baby Blanket, Baby Sleeping Bag
Pushchairs and travel > shell: Pushchair, Car Seat, Baby Carrier, Travel Cot, Pushchair Footmuff
DIY *
Power tools > volt: Cordless Drill, Impact Driver, Circular Saw, Orbital Sander, Jigsaw Cutter
Hand tools > grip: Claw Hammer, Screwdriver Set, Spanner Set, Spirit Level, Hand Saw
Paint > shades: Wall Paint=, Wood Paint=, Masonry Paint=; brush: Paint Brush, Paint Roller
Fixings > count: Wood Screws, Wall Plugs, Picture Hooks, Masonry Nails, Corner Brackets
Workwear > size: Work Gloves, Work Trousers, Safety Vest; lens: Safety Glasses; boot: Safety Boot
"""

# The variants of each kind of product; at least four.
ATTRIBUTES = """
shoe: men's | women's | men's, wide fit | women's, wide fit | kids'
boot: size 41 | size 42 | size 43 | size 44 | size 45
wear: men's, black | women's, black | men's, navy | women's, plum | unisex, grey
size: small | medium | large | extra large
colour: black | white | navy | sage green | grey | red
kilo: 4 kg | 8 kg | 12 kg | 16 kg
band: light | medium | heavy | extra heavy
mat: 6 mm | 8 mm | 10 mm | 15 mm
flavour: vanilla | chocolate | berry | lemon | orange
bottle: 350 ml | 500 ml | 750 ml | 1 litre
light: 200 lumens | 400 lumens | 800 lumens | rechargeable
volume: 0.5 litres | 0.8 litres | 1.2 litres | 2 litres
cut: men's | women's | girls' | boys'
lens: clear lens | smoke lens | blue lens | amber lens
people: 1 person | 2 people | 3 people | 4 people | 6 people
season: summer weight | two season | three season | winter weight
pad: self-inflating | foam, folding | inflatable, regular | inflatable, long
litres: 20 litres | 30 litres | 45 litres | 60 litres
pole: aluminium, pair | carbon, pair | folding, pair | single
rope: 30 m | 40 m | 60 m | 70 m
burner: one burner | two burners | windproof | multi-fuel
metal: stainless steel | enamel | titanium | aluminium
finish: brushed steel | matt black | cream | polished steel
cups: 3 cups | 4 cups | 6 cups | 8 cups
stone: white stoneware | blue stoneware | grey porcelain | speckled stoneware
glass: set of 2 | set of 4 | set of 6 | double-walled
pan: non-stick, 20 cm | non-stick, 24 cm | cast iron, 24 cm | stainless steel, 28 cm
pot: 3 litres | 4 litres | 6 litres | 8 litres
tin: non-stick, small | non-stick, large | carbon steel | loose base
blade: forged steel | carbon steel | layered steel | ceramic
wood: oak | walnut | ash | beech
roast: light roast, 250 g | medium roast, 250 g | dark roast, 250 g | medium roast, 1 kg | decaf, 250 g
leaf: 20 bags | 50 bags | loose leaf, 100 g | loose leaf, 250 g
cocoa: milk | dark, 70 % | white | hazelnut | sea salt
box: 150 g | 300 g | gift tin | family pack
grain: 500 g | 1 kg | organic, 500 g | organic, 1 kg
sack: small bag | large bag | 5 kg | 10 kg
jar: 250 g jar | 340 g jar | organic | no added sugar
bed: single | double | king size | super king
fill: soft | medium | firm | feather
cloth: cotton, white | cotton, grey | linen, natural | bamboo, sage
shade: brass | black | oak base | white glass
bulb: warm white, E27 | cool white, E27 | warm white, E14 | dimmable, E27
woven: seagrass | jute | cotton rope | willow
rug: 60 x 120 cm | 80 x 150 cm | 120 x 170 cm | 160 x 230 cm
scent: lavender | citrus | cedar | sea breeze | unscented
handle: ash handle | steel handle | long handle | lightweight
packet: early | late | dwarf | heirloom | organic
clay: terracotta, 15 cm | terracotta, 25 cm | glazed blue | fibre clay, grey
seat: teak | acacia | powder-coated steel | aluminium, grey
pieces: 60 pieces | 120 pieces | 250 pieces | 500 pieces
players: 2 players | 2-4 players | 3-6 players | travel edition
jigsaw: 100 pieces | 300 pieces | 500 pieces | 1000 pieces
plush: 20 cm | 30 cm | 45 cm | extra soft
age: from 1 year | from 2 years | from 3 years | from 5 years
child: from 3 years | from 4 years | from 6 years | from 8 years
audio: black | white | midnight blue | long battery
watt: 10 W | 20 W | 30 W | 65 W
layout: full size | compact | backlit | low profile
ports: 3 ports | 4 ports | 7 ports | 10 ports
kit: body only | starter kit | waterproof case kit | travel kit
reach: 100 cm | 130 cm | 160 cm | carbon, 150 cm
pack: single | pack of 2 | pack of 4 | pack of 6
meat: chicken | beef | salmon | lamb | turkey
leash: 1.2 m | 2 m | 5 m | 8 m
flow: up to 60 litres | up to 100 litres | up to 200 litres | silent
skin: dry skin | oily skin | sensitive skin | all skin types
hair: fine hair | curly hair | coloured hair | dry hair
tone: rose | coral | nude | berry | bronze
nib: fine | medium | broad | extra fine
ink: blue black | emerald | burgundy | jet black
lead: 0.3 mm | 0.5 mm | 0.7 mm | 0.9 mm
paper: A5, dotted | A5, lined | A4, plain | pocket size
set: 12 pieces | 24 pieces | 36 pieces | travel set
body: black | mahogany | sunburst | natural | left-handed
gauge: extra light | light | medium | coated, light
keys: 49 keys | 61 keys | 76 keys | 88 keys
drum: maple | birch | oak | travel size
stick: 5A | 5B | 7A | nylon tip
mic: with stand | with shock mount | vocal | broadcast
input: 2 channels | 4 channels | 8 channels | 12 channels
months: newborn | 3-6 months | 6-12 months | 12-18 months
sheet: 60 sheets | 6 x 60 sheets | 12 x 60 sheets | fragrance free
print: woodland print | stars print | safari print | plain grey
feed: 150 ml | 250 ml | slow flow | anti-colic
shell: charcoal | navy | sand | olive
volt: 12 V | 18 V | 18 V, two batteries | bare tool
grip: soft grip | wooden grip | compact | heavy duty
shades: chalk white, 2.5 litres | stone grey, 2.5 litres | sea blue, 1 litre | moss green, 1 litre
brush: 25 mm | 50 mm | 75 mm | 100 mm
count: pack of 20 | pack of 50 | pack of 100 | pack of 200
"""

# Eight brands and ten ranges for each department; some brands are in two departments.
BRANDS = """
Sport: Norvane Stridewick Pacelund Velmarra Kestrane Ombrixa Tarnwick Fellgarth
Outdoor: Tarnwick Fellgarth Brackmoren Skarholt Windrelle Cairnovar Lumfell Greyfjord
Kitchen: Haldenby Ovenwick Copperlyn Brunnick Saltharrow Tessamere Marlowick Pestlebrook
Pantry: Saltharrow Pestlebrook Ashmorrow Brindlecup Honeyfold Larkmill Oatwhistle Cindergrove
Home: Tessamere Marlowick Hearthlow Wrenhollow Linmarsh Ottoline-Vey Soffhaven Duskwold
Garden: Duskwold Wrenhollow Spadeworth Thornabel Mossgrove Petalwick Rakeham Bramblecote
Toys: Pipkinny Tumblewick Marbeljay Brickadoo Snugglemere Wobbleton Figgleby Larkspindle
Electronics: Voltarra Sonovik Quillium Nexabrook Lumadrift Tonehaven Pixelmoor Arcwell-Ridd
Pets: Barkwhistle Pawsley-Finn Whiskerby Tailholm Furrowdene Bonnibark Finmere Purrington-Low
Beauty: Rosembry Velvaquin Myrrhaven Aquellis Fleurmarrow Sablewyn Opaline-Rue Calmora
Office: Inkholm Papermere Quillfold Deskwright-Orr Nibsworth Folioway Marginelle Tidewrite
Music: Tonehaven Sonovik Fretwyn Cadenholt Lyrebrook Drumlow Resonelle Chordwick
Baby: Snugglemere Larkspindle Littlewren Bibberry Dozeley Cradlewick Tinytarn Milkmoss
DIY: Spadeworth Rakeham Hammerlund Boltwick Drillmere Ironquay Sawbridge-Ton Grafterby
"""

RANGES = """
Sport: Swift Apex Tempo Stride Summit Pulse Motion Glide Rally Vigour
Outdoor: Ridge Fell Drift Cairn Timber Compass Basin Heath Polar Meadow
Kitchen: Hearth Daily Bistro Classic Gather Simmer Rustic Atelier Brew Harvest
Pantry: Morning Orchard Village Golden Hillside Market Heritage Sunday Lantern Meadow
Home: Haven Loft Nordic Willow Calm Studio Coast Cottage Amber Quiet
Garden: Bloom Grove Terrace Cottage Evergreen Orchard Sunny Hedgerow Potter Acre
Toys: Jolly Wonder Rainbow Pocket Adventure Giggle Little Giant Cosmic Dandy
Electronics: Echoic Nova Vector Orbit Helio Zenith Flux Lite Studio Metro
Pets: Happy Wild Cosy Country Trusty Playful Gentle Hearty Roam Nibble
Beauty: Glow Petal Silk Dew Bare Velour Ritual Bloom Pure Evening
Office: Scholar Draft Ledger Focus Metro Archive Ember Minimal Journal Margin
Music: Ballad Encore Resonance Stage Studio Legato Anthem Harbour Blues Echo
Baby: Cloud Dream Cuddle Hush Sprout Bunny Moonlight Snug Petit Gentle
DIY: Forge Titan Craft Pro Builder Torque Anvil Steady Core Trade
"""

# Groups of aisles with common shoppers; every aisle is in at least one group.
COMPANIONS = """
Running, Fitness, Sports nutrition | Cycling, Sports nutrition | Swimming, Fitness
Camping, Hiking, Camp kitchen | Hiking, Outdoor clothing, Climbing
Coffee makers, Coffee beans, Mugs and cups | Tea, Mugs and cups, Chocolate and biscuits
Cookware, Knives, Small appliances | Baking, Flour and sugar | Breakfast, Small appliances
Bedding, Bath linen | Lighting, Cushions and rugs, Storage | Cleaning, Storage
Garden tools, Seeds and bulbs, Compost and feed | Pots and planters, Seeds and bulbs
Garden furniture, Barbecue | Building sets, Board games, Puzzles | Soft toys, Preschool toys
Craft kits, Art supplies | Headphones, Phone accessories | Speakers, Smart home
Computing, Desks and chairs | Cameras, Phone accessories | Dog food and treats, Dog walking
Cat food and treats, Cat care | Aquarium, Cat care | Skin care, Make-up
Hair care, Bath and body, Shaving | Writing, Notebooks, Filing | Guitars, Guitar accessories
Keyboards and pianos, Recording | Drums, Recording | Nappies and changing, Baby feeding, Baby clothes
Nursery, Pushchairs and travel, Baby clothes | Preschool toys, Nursery | Power tools, Hand tools, Fixings
Paint, Hand tools | Workwear, Power tools
"""

# Endings of singular and plural; the first match is used.
_PLURALS = [("Shelf", "Shelves"), ("Knife", "Knives"), ("Mouse", "Mice")]
_PLURALS += [("ay", "ays"), ("ey", "eys"), ("oy", "oys"), ("y", "ies")]
_PLURALS += [("ss", "sses"), ("s", "s"), ("ch", "ches"), ("sh", "shes"), ("x", "xes"), ("", "s")]


def by_department(text: str) -> dict[str, list[str]]:
    """The lines of BRANDS or RANGES by department."""
    lines = (line.split(": ") for line in text.strip().splitlines())
    return {name: words.split() for name, words in lines}


def companions(aisle: str) -> list[str]:
    """The aisles that share a group with this one."""
    groups = [group.split(", ") for line in COMPANIONS.strip().splitlines() for group in line.split(" | ")]
    return [other for group in groups if aisle in group for other in group if other != aisle]


def plural(noun: str) -> str:
    """The name of a product type: its plural, in lower case except the first letter and abbreviations."""
    name = noun.removesuffix("=")
    if name == noun:
        name = next(name.removesuffix(old) + new for old, new in _PLURALS if name.endswith(old))
    words = [word if word[:2].isupper() else word.lower() for word in name.split(" ")]
    return " ".join([words[0][0].upper() + words[0][1:], *words[1:]])
